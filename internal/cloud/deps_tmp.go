//go:build depstmp

package cloud

import (
	_ "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	_ "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	_ "github.com/aws/aws-sdk-go-v2/service/athena"
	_ "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	_ "github.com/aws/aws-sdk-go-v2/service/lambda"
	_ "github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	_ "github.com/aws/aws-sdk-go-v2/service/sns"
	_ "github.com/aws/aws-sdk-go-v2/service/sqs"
	_ "github.com/aws/aws-sdk-go-v2/service/ssm"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/ledongthuc/pdf"
	_ "github.com/microsoft/go-mssqldb"
	_ "github.com/nats-io/nats.go"
	_ "golang.org/x/net/html"
	_ "google.golang.org/api/bigquery/v2"
	_ "google.golang.org/api/firestore/v1"
	_ "google.golang.org/api/iamcredentials/v1"
	_ "google.golang.org/api/pubsub/v1"
	_ "google.golang.org/api/secretmanager/v1"
	_ "google.golang.org/api/storage/v1"
)
