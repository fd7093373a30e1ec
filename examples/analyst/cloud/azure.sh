#!/usr/bin/env bash
# Creates and removes what the financial analyst needs on Azure: its filings in Blob
# Storage, a container of findings in Cosmos DB (serverless), a Service Bus topic for its
# notices that drops repeated ones, and the roles to use them. These are Azure's own;
# `skein policy azure analyst` prints narrower ones.
#
#   cloud/azure.sh dry              says what would be created, how, and what it costs
#   cloud/azure.sh up               creates what is not there yet: some minutes
#   eval "$(cloud/azure.sh env)"    sets what azure.yaml takes from the environment
#   cloud/azure.sh down [--yes]     removes what `up` created
#
# It needs Azure's own CLI, signed in as somebody who may create these and give roles (an
# Owner of the subscription). All of it is in one resource group and has the tag
# skein=analyst, and `down` leaves alone whatever has not. What it reads:
#
#   NAME          the resource group, and what names begin with (skein-analyst)
#   AZURE_REGION  where (westus, whose prices Skein knows)
#   AGENT         the object id (principalId) of a managed identity that gets the agent's roles;
#                 its client id goes into ANALYST_CLIENT_ID
#   FILINGS       the folder with the filings (filings, beside this file or above it)
#
# The model is not created: name your own in AZURE_OPENAI_ENDPOINT. It is asked with the key
# in AZURE_OPENAI_API_KEY, or else as who is signed in, who then needs the role Cognitive
# Services OpenAI User on it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=${NAME:-skein-analyst}
region=${AZURE_REGION:-westus}
container=reports
database=analyst
findings=findings
topic=alerts
reader=readers
dry=""
failure=""
answer=""

say() { printf '%s\n' "$*" >&2; }
die() {
  say "azure.sh: $*"
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
# there is no such thing, or with `dry`. Any other failure ends the script.
found() {
  [ -z "$dry" ] || return 1
  if answer=$("$@" 2>"$failure"); then
    return 0
  fi
  if grep -Eqi 'NotFound|not found|could not be found|does not exist' "$failure"; then
    answer=""
    return 1
  fi
  die "this failed: $(shown "$@")
$(cat "$failure")"
}

start() {
  case $name in *[!a-z0-9-]* | [!a-z]* | *- | ?????????????????????????*) die "NAME is $name: it may have up to 24 letters, digits and hyphens, in lower case, and begins with a letter" ;; esac
  if [ -n "$dry" ]; then
    subscription=00000000-0000-0000-0000-000000000000 me=YOUR-OBJECT-ID kind=User
  else
    command -v az >/dev/null || die "Azure's CLI is not here: https://learn.microsoft.com/cli/azure/install-azure-cli"
    failure=$(mktemp)
    trap 'rm -f "$failure"' EXIT
    answer=$(az account show --query '[id,user.type,user.name]' --output tsv 2>"$failure") ||
      die "nobody is signed in at Azure; try: az login
$(cat "$failure")"
    subscription=$(printf '%s\n' "$answer" | sed -n 1p)
    kind=$(printf '%s\n' "$answer" | sed -n 2p)
    who=$(printf '%s\n' "$answer" | sed -n 3p)
  fi
  # Names that are shared by all of Azure end in a number that belongs to the subscription.
  number=$(printf '%s' "$subscription/$name/$region" | cksum | cut -d' ' -f1)
  account=skein$number
  cosmos=$name-$number
  namespace=$name-$number
  scope=/subscriptions/$subscription/resourceGroups/$name/providers
}

# whoami says whose object id gets the roles.
whoami() {
  [ -z "$dry" ] || return 0
  if [ "$kind" = user ]; then
    found az ad signed-in-user show --query id --output tsv || die "who is signed in is not in this tenant's directory"
    me=$answer kind=User
  else
    found az ad sp show --id "$who" --query id --output tsv || die "the service principal $who is not in this tenant's directory"
    me=$answer kind=ServicePrincipal
  fi
}

# Whose each thing is: "analyst" where it has the tag, "" where there is no such thing,
# "other" where somebody else's has its name.
owner() {
  found "$@" --query tags.skein --output tsv || return 0
  case $answer in
  analyst) echo analyst ;;
  *) echo other ;;
  esac
}
group_owner() { owner az group show --name "$name"; }
storage_owner() { owner az storage account show --name "$account" --resource-group "$name"; }
cosmos_owner() { owner az cosmosdb show --name "$cosmos" --resource-group "$name"; }
bus_owner() { owner az servicebus namespace show --name "$namespace" --resource-group "$name"; }

# missing says what a thing is, and is true where it has to be created.
missing() {
  local what=$1 cost=$2 is=$3
  case $is in
  "") if [ -n "$dry" ]; then printf '\n%s\n    costs: %s\n' "$what" "$cost"; else say "creates $what"; fi ;;
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
  [ -n "$dry" ] || die "the filings are not here: \`skein init --cloud azure\` writes them, or set FILINGS to their folder"
  echo filings
}

# allow gives a role. Giving it again changes nothing.
allow() {
  change az role assignment create --assignee-object-id "$1" --assignee-principal-type "$2" --role "$3" --scope "$4"
}

# allow_findings gives a role of Cosmos DB's own, which are not those of the subscription.
allow_findings() {
  local role=00000000-0000-0000-0000-000000000002 # Cosmos DB Built-in Data Contributor
  if found az cosmosdb sql role assignment list --account-name "$cosmos" --resource-group "$name" \
    --query "[?principalId=='$1' && ends_with(roleDefinitionId, '$role')].id" --output tsv && [ -n "$answer" ]; then
    return
  fi
  change az cosmosdb sql role assignment create --account-name "$cosmos" --resource-group "$name" \
    --role-definition-id "$role" --principal-id "$1" --scope "/dbs/$database/colls/$findings"
}

# upload waits for the role that it needs: a new one takes some minutes to be known.
upload() {
  local from=$1 tries=40
  set -- az storage blob upload-batch --account-name "$account" --auth-mode login --destination "$container" --source "$from" --overwrite true --no-progress
  if [ -n "$dry" ]; then
    shown "$@"
    return
  fi
  until "$@" >/dev/null 2>"$failure"; do
    grep -Eq 'AuthorizationPermissionMismatch|AuthorizationFailure|required permissions' "$failure" || die "the filings were not uploaded: $(cat "$failure")"
    tries=$((tries - 1))
    [ $tries -gt 0 ] || die "after ten minutes the role Storage Blob Data Contributor does not work yet; run the same again later"
    say "        waits for its role to be known"
    sleep 15
  done
}

up() {
  local is from provider
  from=$(filings)
  whoami

  is=$(group_owner)
  if missing "resource group $name, which holds the rest" nothing "$is"; then
    change az group create --name "$name" --location "$region" --tags skein=analyst
  fi
  for provider in Microsoft.Storage Microsoft.DocumentDB Microsoft.ServiceBus; do
    if found az provider show --namespace "$provider" --query registrationState --output tsv && [ "$answer" = Registered ]; then
      continue
    fi
    change az provider register --namespace "$provider" --wait
  done

  is=$(storage_owner)
  if missing "storage account $account, without keys and closed to the public, with the filings in the container $container" \
    "nothing for being there; the filings' storage, at 0.0208 USD per GB and month, rounds to nothing; 0.055 USD per 10,000 writes and lists, 0.0044 USD per 10,000 reads" "$is"; then
    change az storage account create --name "$account" --resource-group "$name" --location "$region" --kind StorageV2 --sku Standard_LRS \
      --access-tier Hot --min-tls-version TLS1_2 --allow-blob-public-access false --allow-shared-key-access false --tags skein=analyst
  fi
  if ! found az storage container-rm show --storage-account "$account" --resource-group "$name" --name "$container"; then
    change az storage container-rm create --storage-account "$account" --resource-group "$name" --name "$container"
  fi
  allow "$me" "$kind" "Storage Blob Data Contributor" "$scope/Microsoft.Storage/storageAccounts/$account/blobServices/default/containers/$container"
  if [ -n "${AGENT:-}" ]; then
    allow "$AGENT" ServicePrincipal "Storage Blob Data Reader" "$scope/Microsoft.Storage/storageAccounts/$account/blobServices/default/containers/$container"
  fi

  is=$(cosmos_owner)
  if missing "Cosmos DB account $cosmos, serverless and without keys, with the container $findings by company" \
    "nothing for being there; 0.25 USD per GB and month; 0.279 USD per million request units" "$is"; then
    change az cosmosdb create --name "$cosmos" --resource-group "$name" --locations "regionName=$region" failoverPriority=0 isZoneRedundant=False \
      --capabilities EnableServerless --disable-local-auth true --tags skein=analyst
  fi
  if ! found az cosmosdb sql database show --account-name "$cosmos" --resource-group "$name" --name "$database"; then
    change az cosmosdb sql database create --account-name "$cosmos" --resource-group "$name" --name "$database"
  fi
  if ! found az cosmosdb sql container show --account-name "$cosmos" --resource-group "$name" --database-name "$database" --name "$findings"; then
    change az cosmosdb sql container create --account-name "$cosmos" --resource-group "$name" --database-name "$database" --name "$findings" --partition-key-path /company
  fi
  allow_findings "$me"
  if [ -n "${AGENT:-}" ]; then
    allow_findings "$AGENT"
  fi

  is=$(bus_owner)
  if missing "Service Bus namespace $namespace, Standard and without keys, with the topic $topic that drops a notice that it has had within ten minutes" \
    "9.81 USD a month for being there, by the hour; 0.80 USD per million operations after the first 13 million of the month" "$is"; then
    change az servicebus namespace create --name "$namespace" --resource-group "$name" --location "$region" --sku Standard \
      --disable-local-auth true --minimum-tls-version 1.2 --tags skein=analyst
  fi
  if ! found az servicebus topic show --namespace-name "$namespace" --resource-group "$name" --name "$topic"; then
    change az servicebus topic create --namespace-name "$namespace" --resource-group "$name" --name "$topic" \
      --enable-duplicate-detection true --duplicate-detection-history-time-window PT10M
  fi
  if ! found az servicebus topic subscription show --namespace-name "$namespace" --resource-group "$name" --topic-name "$topic" --name "$reader"; then
    change az servicebus topic subscription create --namespace-name "$namespace" --resource-group "$name" --topic-name "$topic" --name "$reader"
  fi
  allow "$me" "$kind" "Azure Service Bus Data Sender" "$scope/Microsoft.ServiceBus/namespaces/$namespace/topics/$topic"
  allow "$me" "$kind" "Azure Service Bus Data Receiver" "$scope/Microsoft.ServiceBus/namespaces/$namespace/topics/$topic/subscriptions/$reader"
  if [ -n "${AGENT:-}" ]; then
    allow "$AGENT" ServicePrincipal "Azure Service Bus Data Sender" "$scope/Microsoft.ServiceBus/namespaces/$namespace/topics/$topic"
  fi

  upload "$from" # last, so that its role has had time to be known

  if [ -n "$dry" ]; then
    printf '\nNothing was changed. The zeros stand for your subscription, and the number in names depends on it.\n'
    printf 'Prices: West US (Service Bus: West Europe), list, from recorded answers of Azure'\''s price API; README.md names the pages.\n'
    printf 'The model is not among these: GPT on Azure OpenAI is paid by the token.\n'
  else
    say "all there; next: export AZURE_OPENAI_ENDPOINT=…; eval \"\$($0 env)\" && skein check"
  fi
}

env_lines() {
  local what is lacks=""
  for what in storage cosmos bus; do
    is=$("${what}_owner")
    [ "$is" = analyst ] || lacks="$lacks, the $what"
  done
  [ -z "$lacks" ] || die "not created yet: ${lacks#, }; run: $0 up"
  printf 'export AZURE_REGION=%s\n' "$region"
  printf 'export AZURE_STORAGE_ACCOUNT=%s\n' "$account"
  printf 'export REPORTS=%s\n' "$container"
  printf 'export COSMOS_ACCOUNT=%s\n' "$cosmos"
  printf 'export COSMOS_DATABASE=%s\n' "$database"
  printf 'export FINDINGS=%s\n' "$findings"
  printf 'export SERVICEBUS_NAMESPACE=%s\n' "$namespace"
  printf 'export ALERTS=%s\n' "$topic"
  if [ -z "${AZURE_OPENAI_API_KEY:-}" ]; then
    printf 'export AZURE_OPENAI_AUTH=entra\n'
  fi
}

# down removes the group if all in it has the tag, else what has it. Roles go with what
# they were given on.
down() {
  local yes=$1 is others each
  is=$(group_owner)
  case $is in
  "")
    say "nothing of $name is there"
    return
    ;;
  other) die "the resource group $name has no tag skein=analyst, so it is not this script's" ;;
  esac
  found az resource list --resource-group "$name" --query "[?tags.skein!='analyst'].id" --output tsv || true
  others=$answer
  found az resource list --resource-group "$name" --query "[?tags.skein=='analyst'].id" --output tsv || true
  say "in subscription $subscription this goes, with all that is in it:"
  for each in $answer; do say "  ${each##*/providers/}"; done
  if [ -z "$others" ]; then
    say "  the resource group $name"
  else
    say "left as it is, without the tag, and so is the group:"
    for each in $others; do say "  ${each##*/providers/}"; done
  fi
  if [ -z "$yes" ]; then
    printf 'Remove it? [y/N] ' >&2
    read -r yes || yes=""
    case $yes in y | Y | yes) ;; *) die "nothing was removed" ;; esac
  fi
  if [ -z "$others" ]; then
    change az group delete --name "$name" --yes
  else
    for each in $answer; do change az resource delete --ids "$each"; done
  fi
  say "removed"
}

case "${1:-}${2:+ $2}" in
up) start && up ;;
dry) dry=1 && start && up ;;
env) start && env_lines ;;
down) start && down "" ;;
"down --yes") start && down yes ;;
*) die "usage: $0 dry | up | env | down [--yes]" ;;
esac
