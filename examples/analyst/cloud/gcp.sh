#!/usr/bin/env bash
# Creates and removes what the financial analyst needs on Google Cloud: its filings in
# Cloud Storage, a Firestore database for its findings, a Pub/Sub topic for its notices
# with a subscription to read them, and a service account that may use these and nothing
# else. Its roles are Google's own; `skein policy gcp analyst` prints narrower ones.
#
#   cloud/gcp.sh dry              says what would be created, how, and what it costs
#   cloud/gcp.sh up               creates what is not there yet
#   eval "$(cloud/gcp.sh env)"    sets what gcp.yaml takes from the environment
#   cloud/gcp.sh down [--yes]     removes what `up` created
#
# It needs Google's own CLI, signed in as somebody who may create these in a project that
# is there (an Owner). What can have the label skein=analyst has it; the service account's
# description says so instead, and the bucket's labels say that the database was created
# with it. `down` leaves alone whatever has not. What it reads:
#
#   GOOGLE_CLOUD_PROJECT  the project (gcloud's own)
#   GOOGLE_CLOUD_REGION   where (us-central1, whose prices Skein knows)
#   NAME                  begins the name of everything (skein-analyst)
#   FILINGS               the folder with the filings (filings, beside this file or above it)
set -euo pipefail
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

here=$(cd "$(dirname "$0")" && pwd)
name=${NAME:-skein-analyst}
region=${GOOGLE_CLOUD_REGION:-us-central1}
findings=findings
dry=""
failure=""
answer=""

say() { printf '%s\n' "$*" >&2; }
die() {
  say "gcp.sh: $*"
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
  "$@" >/dev/null 2>"$failure" || die "this failed, and the rest was not done; mend it and run the same again: $(shown "$@")
$(cat "$failure")"
}

# found runs a command that reads, and puts what it says into $answer. It is false where
# there is no such thing, or with `dry`. Any other failure ends the script.
found() {
  [ -z "$dry" ] || return 1
  if answer=$("$@" 2>"$failure"); then
    return 0
  fi
  if grep -Eqi 'NOT_FOUND|not found|matched no objects|SERVICE_DISABLED' "$failure"; then
    answer=""
    return 1
  fi
  die "this failed: $(shown "$@")
$(cat "$failure")"
}

start() {
  case $name in *[!a-z0-9-]* | [!a-z]* | *- | ?????????????????????????*) die "NAME is $name: it may have 6 to 24 letters, digits and hyphens, in lower case, and begins with a letter" ;; ??????*) ;; *) die "NAME is $name: it needs 6 letters" ;; esac
  if [ -n "$dry" ]; then
    project=${GOOGLE_CLOUD_PROJECT:-YOUR-PROJECT} who=you@example.com
  else
    command -v gcloud >/dev/null || die "Google's CLI is not here: https://cloud.google.com/sdk/docs/install"
    failure=$(mktemp)
    trap 'rm -f "$failure"' EXIT
    who=$(gcloud config get-value account 2>"$failure") || die "gcloud does not work: $(cat "$failure")"
    case $who in "" | "(unset)") die "nobody is signed in at Google Cloud; try: gcloud auth login" ;; esac
    project=${GOOGLE_CLOUD_PROJECT:-$(gcloud config get-value project 2>/dev/null)}
    case $project in "" | "(unset)") die "no project is named; try: export GOOGLE_CLOUD_PROJECT=…" ;; esac
  fi
  bucket=$project-$name
  topic=$name-alerts
  subscription=$name-alerts
  account=$name@$project.iam.gserviceaccount.com
  condition="expression=resource.name==\"projects/$project/databases/$name\",title=$name"
}

# Whose each thing is: "analyst" where it has the label, "" where there is no such thing,
# "other" where somebody else's has its name. A bucket gets its label after its creation,
# so an empty one without a label is "begun".
owner() {
  found "$@" || return 0
  case $answer in
  *analyst*) echo analyst ;;
  *) echo other ;;
  esac
}
bucket_owner() {
  found gcloud storage buckets describe "gs://$bucket" --format='value(labels.skein)' || return 0
  if [ "$answer" = analyst ]; then
    echo analyst
    return
  fi
  if found gcloud storage ls "gs://$bucket" && [ -n "$answer" ]; then
    echo other
  else
    echo begun
  fi
}
database_owner() {
  found gcloud firestore databases describe --database="$name" --project="$project" --format='value(name)' || return 0
  if found gcloud storage buckets describe "gs://$bucket" --format='value(labels.skein-database)' && [ "$answer" = analyst ]; then
    echo analyst
  else
    echo other # nothing says that it is ours
  fi
}
topic_owner() { owner gcloud pubsub topics describe "$topic" --project="$project" --format='value(labels.skein)'; }
subscription_owner() { owner gcloud pubsub subscriptions describe "$subscription" --project="$project" --format='value(labels.skein)'; }
account_owner() { owner gcloud iam service-accounts describe "$account" --project="$project" --format='value(description)'; }

# missing says what a thing is, and is true where it has to be created.
missing() {
  local what=$1 cost=$2 is=$3
  case $is in
  "" | begun) if [ -n "$dry" ]; then printf '\n%s\n    costs: %s\n' "$what" "$cost"; else say "creates $what"; fi ;;
  analyst)
    say "has     ${what%%,*}"
    return 1
    ;;
  *) die "${what%%,*} is there, without the label skein=analyst, so it is not this script's: give another NAME" ;;
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
  [ -n "$dry" ] || die "the filings are not here: \`skein init --cloud gcp\` writes them, or set FILINGS to their folder"
  echo filings
}

# allow gives a role. Giving it again changes nothing. A service account that was just
# created is not known everywhere for some seconds.
allow() {
  local tries=12
  if [ -n "$dry" ]; then
    shown "$@"
    return
  fi
  until "$@" >/dev/null 2>"$failure"; do
    tries=$((tries - 1))
    if [ $tries -le 0 ] || ! grep -q 'does not exist' "$failure"; then
      die "this failed, and the rest was not done; mend it and run the same again: $(shown "$@")
$(cat "$failure")"
    fi
    sleep 5
  done
}

up() {
  local is from member=serviceAccount:$account me=user:$who
  from=$(filings)
  case $who in *.gserviceaccount.com) me=serviceAccount:$who ;; esac

  change gcloud services enable storage.googleapis.com firestore.googleapis.com pubsub.googleapis.com iam.googleapis.com iamcredentials.googleapis.com aiplatform.googleapis.com --project="$project"

  is=$(bucket_owner)
  if missing "Cloud Storage bucket $bucket, closed to the public, with the filings" \
    "nothing for being there; the filings' storage rounds to nothing; 0.005 USD per 1,000 writes and lists, 0.0004 USD per 1,000 reads" "$is"; then
    if [ "$is" = begun ]; then
      say "        which is there, empty"
    else
      change gcloud storage buckets create "gs://$bucket" --project="$project" --location="$region" --uniform-bucket-level-access --public-access-prevention
    fi
    change gcloud storage buckets update "gs://$bucket" --update-labels=skein=analyst
  fi
  change gcloud storage rsync "$from" "gs://$bucket" --recursive

  is=$(database_owner)
  if missing "Firestore database $name, in which findings are the collection $findings" \
    "nothing for being there; 0.03 USD per 100,000 documents read, 0.09 USD per 100,000 written; storage by the GB" "$is"; then
    # The label comes first: a run that ends between the two leaves no database that nobody owns.
    change gcloud storage buckets update "gs://$bucket" --update-labels=skein-database=analyst
    change gcloud firestore databases create --database="$name" --location="$region" --type=firestore-native --project="$project"
  fi

  is=$(topic_owner)
  if missing "Pub/Sub topic $topic, which remembers nothing: what is sent twice arrives twice" \
    "nothing for being there; 40 USD per TiB of notices, each counted as 1,000 bytes at least" "$is"; then
    change gcloud pubsub topics create "$topic" --labels=skein=analyst --project="$project"
  fi

  is=$(subscription_owner)
  if missing "Pub/Sub subscription $subscription, which keeps the notices for a week so that they can be read" \
    "40 USD per TiB that is read; what waits for longer than a day is storage, which for notices rounds to nothing" "$is"; then
    change gcloud pubsub subscriptions create "$subscription" --topic="$topic" --labels=skein=analyst --project="$project"
  fi

  is=$(account_owner)
  if missing "service account $account, which you may act as, and which is the agent" nothing "$is"; then
    change gcloud iam service-accounts create "$name" --display-name="The financial analyst of Skein" --description=skein=analyst --project="$project"
  fi
  allow gcloud storage buckets add-iam-policy-binding "gs://$bucket" --member="$member" --role=roles/storage.objectViewer
  allow gcloud projects add-iam-policy-binding "$project" --member="$member" --role=roles/datastore.user --condition="$condition"
  allow gcloud pubsub topics add-iam-policy-binding "$topic" --member="$member" --role=roles/pubsub.publisher --project="$project"
  allow gcloud iam service-accounts add-iam-policy-binding "$account" --member="$me" --role=roles/iam.serviceAccountTokenCreator --project="$project"

  if [ -n "$dry" ]; then
    printf '\nNothing was changed.\n'
    printf 'Prices: us-central1, list; Firestore'\''s and the bucket'\''s are from pages that are not Google'\''s own. README.md names them.\n'
    printf 'The model is not among these: Gemini on Vertex AI is paid by the token.\n'
  else
    say "all there; next: gcloud auth application-default login, if you have not; then eval \"\$($0 env)\" && skein check"
  fi
}

env_lines() {
  local what is lacks=""
  for what in bucket database topic subscription account; do
    is=$("${what}_owner")
    [ "$is" = analyst ] || lacks="$lacks, the $what"
  done
  [ -z "$lacks" ] || die "not created yet: ${lacks#, }; run: $0 up"
  printf 'export GOOGLE_CLOUD_PROJECT=%s\n' "$project"
  printf 'export GOOGLE_CLOUD_REGION=%s\n' "$region"
  printf 'export REPORTS=%s\n' "$bucket"
  printf 'export FIRESTORE_DATABASE=%s\n' "$name"
  printf 'export FINDINGS=%s\n' "$findings"
  printf 'export ALERTS=%s\n' "$topic"
  printf 'export ANALYST_ACCOUNT=%s\n' "$account"
}

# down looks at each thing, and only what has the label goes; the bucket last, since its
# labels say whose the database is.
down() {
  local yes=$1 what is some=""
  for what in account subscription topic database bucket; do
    is=$("${what}_owner")
    case $is in
    analyst) some="$some $what" ;;
    other | begun) say "left as it is: the $what of that name, which has no label skein=analyst" ;;
    esac
  done
  if [ -z "$some" ]; then
    say "nothing of $name is there"
    return
  fi
  say "in project $project this goes, with all that is in it:"
  for what in $some; do
    case $what in
    account) say "  service account $account and its roles" ;;
    subscription) say "  Pub/Sub subscription $subscription" ;;
    topic) say "  Pub/Sub topic $topic" ;;
    database) say "  Firestore database $name" ;;
    bucket) say "  Cloud Storage bucket $bucket" ;;
    esac
  done
  if [ -z "$yes" ]; then
    printf 'Remove it? [y/N] ' >&2
    read -r yes || yes=""
    case $yes in y | Y | yes) ;; *) die "nothing was removed" ;; esac
  fi
  for what in $some; do
    case $what in
    account)
      # What it was given on the bucket and the topic goes with them; the project stays.
      if found gcloud projects get-iam-policy "$project" --flatten='bindings[].members' \
        --filter="bindings.members:serviceAccount:$account AND bindings.role:roles/datastore.user" --format='value(bindings.role)' && [ -n "$answer" ]; then
        change gcloud projects remove-iam-policy-binding "$project" --member="serviceAccount:$account" --role=roles/datastore.user --condition="$condition"
      fi
      change gcloud iam service-accounts delete "$account" --project="$project"
      ;;
    subscription) change gcloud pubsub subscriptions delete "$subscription" --project="$project" ;;
    topic) change gcloud pubsub topics delete "$topic" --project="$project" ;;
    database) change gcloud firestore databases delete --database="$name" --project="$project" ;;
    bucket) change gcloud storage rm "gs://$bucket" --recursive ;;
    esac
  done
  say "removed; the database's name can be used again after some minutes"
}

case "${1:-}${2:+ $2}" in
up) start && up ;;
dry) dry=1 && start && up ;;
env) start && env_lines ;;
down) start && down "" ;;
"down --yes") start && down yes ;;
*) die "usage: $0 dry | up | env | down [--yes]" ;;
esac
