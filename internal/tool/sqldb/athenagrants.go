package sqldb

import (
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/resource"
)

// athenaGrants are leave to run queries in the work group, to read the database's
// tables in the catalog, to write results and to read them, and to read the data where
// the URL says where that is (data=s3://bucket/prefix, with commas between several).
func athenaGrants(u *resource.URL) ([]cloud.Grant, error) {
	at, err := athenaOf(u)
	if err != nil {
		return nil, err
	}
	region := u.Option("region", u.Session.Options().AWS.Region)
	partition := "aws"
	switch {
	case strings.HasPrefix(region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	}
	region = defaulted(region, "*")
	arn := func(service, resource string) string {
		return fmt.Sprintf("arn:%s:%s:%s:*:%s", partition, service, region, resource)
	}
	grant := func(resource string, actions ...string) cloud.Grant {
		return cloud.Grant{Cloud: cloud.AWS, Actions: actions, Resource: resource}
	}
	grants := []cloud.Grant{
		grant(arn("athena", "workgroup/"+at.group), "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution", "athena:GetWorkGroup"),
		grant(arn("athena", "datacatalog/"+at.catalog), "athena:ListTableMetadata"),
		grant(arn("glue", "catalog"), "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"),
		grant(arn("glue", "database/"+at.database), "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"),
		grant(arn("glue", "table/"+at.database+"/*"), "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"),
	}
	s3 := func(location string) (bucket, below string) {
		name, prefix, _ := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
		return "arn:" + partition + ":s3:::" + name, "arn:" + partition + ":s3:::" + name + "/" + prefix + "*"
	}
	if at.output != "" {
		bucket, below := s3(at.output)
		grants = append(grants, grant(bucket, "s3:GetBucketLocation", "s3:ListBucket"), grant(below, "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"))
	}
	for _, location := range strings.FieldsFunc(u.Options["data"], func(r rune) bool { return r == ',' }) {
		if !athenaBucket.MatchString(location) {
			return nil, fmt.Errorf("data: %q is not where data is, such as s3://bucket/prefix/", location)
		}
		bucket, below := s3(location)
		grants = append(grants, grant(bucket, "s3:GetBucketLocation", "s3:ListBucket"), grant(below, "s3:GetObject"))
	}
	return grants, nil
}
