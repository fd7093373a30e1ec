#!/usr/bin/env bash
# Creates and removes what the financial analyst needs on AWS: its filings in S3, a table
# of findings in DynamoDB, an SNS topic for its notices with an SQS queue to read them,
# and a role that may do to these what the agent does, and nothing else.
#
#   cloud/aws.sh dry              says what would be created, how, and what it costs
#   cloud/aws.sh up               creates what is not there yet
#   eval "$(cloud/aws.sh env)"    sets what aws.yaml takes from the environment
#   cloud/aws.sh down [--yes]     removes what `up` created
#
# It needs AWS's own CLI, signed in as somebody who may create these. All of it has the
# tag skein=analyst, and `down` leaves alone whatever has not. What it reads:
#
#   NAME        begins the name of everything (skein-analyst)
#   AWS_REGION  where (us-east-1, whose prices Skein knows)
#   FILINGS     the folder with the filings (filings, beside this file or above it)
#   SKEIN       the skein that prints the role's policy; without one it is written below
#   CONFIG      the configuration that skein prints it from (skein.yaml beside this file)
set -euo pipefail
export AWS_PAGER=""

here=$(cd "$(dirname "$0")" && pwd)
name=${NAME:-skein-analyst}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
# Version 1 of the CLI asks SQS elsewhere than AWS_ENDPOINT_URL says, unless it is told so.
sqs_at=${AWS_ENDPOINT_URL:+--endpoint-url=$AWS_ENDPOINT_URL}
dry=""
failure=""
answer=""

say() { printf '%s\n' "$*" >&2; }
die() {
  say "aws.sh: $*"
  exit 1
}

# shown prints a command as it can be pasted.
shown() {
  local word text=""
  for word in "$@"; do
    case $word in
    *[!A-Za-z0-9_./:=@%+,-]* | "") word="'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'" ;;
    esac
    text="$text $word"
  done
  printf '    %s\n' "${text# }"
}

# change runs a command that changes something, or with `dry` prints it.
change() {
  if [ -n "$dry" ]; then
    shown "$@"
    return
  fi
  "$@" >/dev/null || die "this failed, and the rest was not done; mend it and run the same again: $(shown "$@")"
}

# found runs a command that reads, and puts what it says into $answer. It is false where
# the service says that there is no such thing. Any other failure ends the script.
found() {
  local none=$1
  shift
  if answer=$("$@" 2>"$failure"); then
    return 0
  fi
  if grep -Eq "$none" "$failure"; then
    answer=""
    return 1
  fi
  die "this failed: $(shown "$@")
$(cat "$failure")"
}

start() {
  case $name in *[!a-z0-9-]* | -* | "" | ?????????????????????????*) die "NAME is $name: it may have up to 24 letters, digits and hyphens, in lower case" ;; esac
  if [ -n "$dry" ]; then
    account=123456789012 arn=arn:aws:iam::$account:user/you
  else
    command -v aws >/dev/null || die "AWS's CLI is not here: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
    failure=$(mktemp)
    trap 'rm -f "$failure"' EXIT
    answer=$(aws sts get-caller-identity --query '[Account,Arn]' --output text 2>"$failure") ||
      die "nobody is signed in at AWS, or it cannot be reached; try: aws sts get-caller-identity
$(cat "$failure")"
    read -r account arn <<<"$answer"
  fi
  partition=$(printf '%s' "$arn" | cut -d: -f2)
  bucket=$name-$account-$region
  table=$name-findings
  queue=$name-alerts.fifo
  topic=arn:$partition:sns:$region:$account:$name-alerts.fifo
  queue_arn=arn:$partition:sqs:$region:$account:$queue
  table_arn=arn:$partition:dynamodb:$region:$account:table/$table
  role=$name-$region # roles are of the whole account
  role_arn=arn:$partition:iam::$account:role/$role
}

# Whose each thing is: "analyst" where it has the tag, "" where there is no such thing,
# "other" where somebody else's has its name. A bucket gets its tag after its creation,
# so an empty one without a tag is "begun".
owner() {
  case $1 in
  analyst) echo analyst ;;
  *) echo other ;;
  esac
}
bucket_owner() {
  [ -z "$dry" ] || return 0
  found 'NoSuchBucket|\(404\)' aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" || return 0
  found NoSuchTagSet aws s3api get-bucket-tagging --bucket "$bucket" --query "TagSet[?Key=='skein'].Value" --output text || true
  if [ -z "$answer" ]; then
    found NoSuchBucket aws s3api list-objects-v2 --bucket "$bucket" --max-keys 1 --query KeyCount --output text || return 0
    case $answer in 0 | None)
      echo begun
      return
      ;;
    esac
  fi
  owner "$answer"
}
table_owner() {
  [ -z "$dry" ] || return 0
  found ResourceNotFoundException aws dynamodb describe-table --table-name "$table" || return 0
  found ResourceNotFoundException aws dynamodb list-tags-of-resource --resource-arn "$table_arn" --query "Tags[?Key=='skein'].Value" --output text || true
  owner "$answer"
}
topic_owner() {
  [ -z "$dry" ] || return 0
  found 'NotFound' aws sns get-topic-attributes --topic-arn "$topic" || return 0
  found 'ResourceNotFound|NotFound' aws sns list-tags-for-resource --resource-arn "$topic" --query "Tags[?Key=='skein'].Value" --output text || true
  owner "$answer"
}
queue_owner() {
  [ -z "$dry" ] || return 0
  found 'NonExistentQueue|QueueDoesNotExist' aws ${sqs_at:+"$sqs_at"} sqs get-queue-url --queue-name "$queue" --query QueueUrl --output text || return 0
  found 'NonExistentQueue|QueueDoesNotExist' aws ${sqs_at:+"$sqs_at"} sqs list-queue-tags --queue-url "$answer" --query Tags.skein --output text || true
  owner "$answer"
}
role_owner() {
  [ -z "$dry" ] || return 0
  found NoSuchEntity aws iam get-role --role-name "$role" --query "Role.Tags[?Key=='skein'].Value" --output text || return 0
  owner "$answer"
}

# missing says what a thing is, and is true where it has to be created.
missing() {
  local what=$1 cost=$2 is=$3
  case $is in
  "" | begun) if [ -n "$dry" ]; then printf '\n%s\n    costs: %s\n' "$what" "$cost"; else say "creates $what"; fi ;;
  analyst)
    say "has     ${what%%,*}"
    return 1
    ;;
  *) die "${what%%,*} is there, without the tag skein=analyst, so it is not this script's: give another NAME" ;;
  esac
}

filings() {
  local folder
  for folder in "${FILINGS:-}" "$here/filings" "$here/../filings"; do
    if [ -n "$folder" ] && [ -d "$folder" ]; then
      (cd "$folder" && pwd)
      return
    fi
  done
  [ -n "$dry" ] || die "the filings are not here: \`skein init --cloud aws\` writes them, or set FILINGS to their folder"
  echo filings
}

# What the agent does to its resources. `skein policy` says it from the configuration.
policy() {
  local skein=${SKEIN:-skein} config=${CONFIG:-$here/skein.yaml} text
  if [ -z "${CONFIG:-}" ] && [ ! -f "$config" ]; then
    config=$here/../aws.yaml
  fi
  if [ -z "$dry" ] && [ -f "$config" ] && command -v "$skein" >/dev/null; then
    # Nothing is asked for it; the second cloud of aws.yaml wants an address, whatever it is.
    if text=$(REPORTS=$bucket FINDINGS=$table ALERTS=$topic AZURE_OPENAI_ENDPOINT=${AZURE_OPENAI_ENDPOINT:-https://none.openai.azure.com} \
      "$skein" policy aws analyst --config "$config" 2>"$failure"); then
      say "        the role's policy is what \`skein policy aws analyst\` says of $config"
      printf '%s' "$text"
      return
    fi
    say "        \`skein policy aws analyst\` failed, so the policy is the one in aws.sh: $(head -1 "$failure")"
  fi
  printf '{"Version":"2012-10-17","Statement":['
  printf '{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:%s:s3:::%s"]},' "$partition" "$bucket"
  printf '{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:%s:s3:::%s/*"]},' "$partition" "$bucket"
  printf '{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:Scan"],"Resource":["%s"]},' "$table_arn"
  printf '{"Effect":"Allow","Action":["sns:GetTopicAttributes","sns:Publish"],"Resource":["%s"]}]}' "$topic"
}

up() {
  local is from text
  from=$(filings)

  is=$(bucket_owner)
  if missing "S3 bucket $bucket, closed to the public, with the filings" \
    "nothing for being there; the filings' storage, at 0.023 USD per GB and month, rounds to nothing; 0.005 USD per 1,000 writes and lists, 0.0004 USD per 1,000 reads" "$is"; then
    if [ "$is" = begun ]; then
      say "        which is there, empty"
    elif [ "$region" = us-east-1 ]; then
      change aws s3api create-bucket --bucket "$bucket"
    else
      change aws s3api create-bucket --bucket "$bucket" --create-bucket-configuration "LocationConstraint=$region"
    fi
    change aws s3api put-bucket-tagging --bucket "$bucket" --tagging 'TagSet=[{Key=skein,Value=analyst}]'
  fi
  change aws s3api put-public-access-block --bucket "$bucket" \
    --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
  change aws s3 sync "$from" "s3://$bucket" --only-show-errors

  is=$(table_owner)
  if missing "DynamoDB table $table, with the key company" \
    "nothing for being there; 0.25 USD per GB and month; 0.625 USD per million write units (1 KB), 0.125 USD per million read units (4 KB)" "$is"; then
    change aws dynamodb create-table --table-name "$table" --billing-mode PAY_PER_REQUEST \
      --attribute-definitions AttributeName=company,AttributeType=S --key-schema AttributeName=company,KeyType=HASH \
      --tags Key=skein,Value=analyst
  fi
  change aws dynamodb wait table-exists --table-name "$table"

  is=$(topic_owner)
  if missing "SNS topic ${topic##*:}, which drops a notice that it has had within five minutes" \
    "nothing for being there; 0.30 USD per million notices, and 0.017 USD per GB of them" "$is"; then
    change aws sns create-topic --name "$name-alerts.fifo" --attributes FifoTopic=true,ContentBasedDeduplication=false --tags Key=skein,Value=analyst
  fi

  is=$(queue_owner)
  if missing "SQS queue $queue, which gets the notices so that they can be read" \
    "nothing for being there; 0.50 USD per million requests" "$is"; then
    change aws ${sqs_at:+"$sqs_at"} sqs create-queue --queue-name "$queue" --attributes FifoQueue=true,MessageRetentionPeriod=1209600 --tags skein=analyst
  fi
  if [ -n "$dry" ]; then
    answer=https://sqs.$region.amazonaws.com/$account/$queue
  else
    found 'NonExistentQueue|QueueDoesNotExist' aws ${sqs_at:+"$sqs_at"} sqs get-queue-url --queue-name "$queue" --query QueueUrl --output text || die "the queue $queue is not known yet; run the same again"
  fi
  text=$(printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"%s","Condition":{"ArnEquals":{"aws:SourceArn":"%s"}}}]}' "$queue_arn" "$topic")
  text=$(printf '%s' "$text" | sed 's/"/\\"/g') # a policy is a text within the JSON
  change aws ${sqs_at:+"$sqs_at"} sqs set-queue-attributes --queue-url "$answer" --attributes "{\"Policy\":\"$text\"}"
  change aws sns subscribe --topic-arn "$topic" --protocol sqs --notification-endpoint "$queue_arn"

  is=$(role_owner)
  text=$(printf '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"sts:AssumeRole"}]}' "$partition" "$account")
  if missing "IAM role $role, which whoever may assume roles in this account takes on as the agent" "nothing" "$is"; then
    change aws iam create-role --role-name "$role" --description "The financial analyst of Skein" \
      --assume-role-policy-document "$text" --tags Key=skein,Value=analyst
  fi
  text=$(policy)
  change aws iam put-role-policy --role-name "$role" --policy-name agent --policy-document "$text"

  if [ -n "$dry" ]; then
    printf '\nNothing was changed. %s stands for your account.\n' "$account"
    printf 'Prices: us-east-1, list, from recorded answers of AWS'\''s price API; README.md names the pages.\n'
    printf 'The model is not among these: Claude on Amazon Bedrock is paid by the token.\n'
  else
    say "all there; next: eval \"\$($0 env)\" && skein check"
  fi
}

env_lines() {
  local what is lacks=""
  for what in bucket table topic queue role; do
    is=$("${what}_owner")
    [ "$is" = analyst ] || lacks="$lacks, the $what"
  done
  [ -z "$lacks" ] || die "not created yet: ${lacks#, }; run: $0 up"
  printf 'export AWS_REGION=%s\n' "$region"
  printf 'export REPORTS=%s\n' "$bucket"
  printf 'export FINDINGS=%s\n' "$table"
  printf 'export ALERTS=%s\n' "$topic"
  printf 'export ANALYST_ROLE=%s\n' "$role_arn"
}

# down looks at each thing, and only what has the tag goes.
down() {
  local yes=$1 what is some="" each
  for what in bucket table topic queue role; do
    is=$("${what}_owner")
    case $is in
    analyst) some="$some $what" ;;
    other | begun) say "left as it is: the $what of that name, which has no tag skein=analyst" ;;
    esac
  done
  if [ -z "$some" ]; then
    say "nothing of $name is there"
    return
  fi
  say "in account $account, $region, this goes, with all that is in it:"
  for what in $some; do
    case $what in
    bucket) say "  S3 bucket $bucket" ;;
    table) say "  DynamoDB table $table" ;;
    topic) say "  SNS topic ${topic##*:}" ;;
    queue) say "  SQS queue $queue" ;;
    role) say "  IAM role $role" ;;
    esac
  done
  if [ -z "$yes" ]; then
    printf 'Remove it? [y/N] ' >&2
    read -r yes || yes=""
    case $yes in y | Y | yes) ;; *) die "nothing was removed" ;; esac
  fi
  for what in $some; do
    case $what in
    bucket) change aws s3 rb "s3://$bucket" --force ;;
    table)
      change aws dynamodb delete-table --table-name "$table"
      change aws dynamodb wait table-not-exists --table-name "$table"
      ;;
    topic)
      found NotFound aws sns list-subscriptions-by-topic --topic-arn "$topic" --query 'Subscriptions[].SubscriptionArn' --output text || true
      for each in $answer; do
        case $each in arn:*) change aws sns unsubscribe --subscription-arn "$each" ;; esac
      done
      change aws sns delete-topic --topic-arn "$topic"
      ;;
    queue)
      found 'NonExistentQueue|QueueDoesNotExist' aws ${sqs_at:+"$sqs_at"} sqs get-queue-url --queue-name "$queue" --query QueueUrl --output text || continue
      change aws ${sqs_at:+"$sqs_at"} sqs delete-queue --queue-url "$answer"
      ;;
    role)
      found NoSuchEntity aws iam list-role-policies --role-name "$role" --query PolicyNames --output text || continue
      for each in $answer; do
        change aws iam delete-role-policy --role-name "$role" --policy-name "$each"
      done
      change aws iam delete-role --role-name "$role"
      ;;
    esac
  done
  say "removed; a queue's name can be used again after a minute"
}

case "${1:-}${2:+ $2}" in
up) start && up ;;
dry) dry=1 && start && up ;;
env) start && env_lines ;;
down) start && down "" ;;
"down --yes") start && down yes ;;
*) die "usage: $0 dry | up | env | down [--yes]" ;;
esac
