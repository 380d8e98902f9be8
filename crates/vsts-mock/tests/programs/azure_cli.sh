export AZURE_DEVOPS_EXT_PAT=alicepat AZURE_CONFIG_DIR="$PWD/azure" AZURE_CORE_COLLECT_TELEMETRY=no AZURE_CORE_NO_COLOR=yes
mkdir azure
# The output is compared as a whole.
is() { # EXPECTED COMMAND...
  expected=$1; shift
  found=$(az "$@" -o tsv) || { echo "az $* failed"; exit 1; }
  test "$found" = "$expected" || { echo "az $*: $found, and not $expected"; exit 1; }
}
does() { az "$@" -o none || { echo "az $* failed"; exit 1; }; }
fails() { # PATTERN COMMAND...
  pattern=$1; shift
  if found=$(az "$@" 2>&1); then echo "az $* does not fail: $found"; exit 1; fi
  echo "$found" | grep -q "$pattern" || { echo "az $*: $found, and not $pattern"; exit 1; }
}
tab=$(printf '\t')

# The manual's line.
(eval "$LINE") > list.txt
grep -q 'extra .*master .*iris' list.txt

# Projects, users and groups.
org='--org https://dev.azure.com/acme'
is iris devops project list $org --query 'value[].name'
does devops configure --defaults organization=https://dev.azure.com/acme project=iris
is "iris${tab}private" devops project show -p iris --query '[name,visibility]|[@]'
does devops project create --name second
second=$(az devops project show -p second --query id -o tsv)
does devops project delete --id "$second" -y
is alice@example.com devops user show --user alice@example.com --query user.mailAddress
is 3 devops user list --query totalCount
is carol devops team list-member --team 'iris Team' --query '[].identity.displayName'
group=$(az devops security group list --query "graphGroups[?displayName=='Contributors'].descriptor | [0]" -o tsv)
is carol devops security group membership list --id "$group" --query "values(@)[?subjectKind=='user'].displayName"
does devops security group membership add --group-id "$group" --member-id bob
space=2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87
token="repoV2/$(az devops project show -p iris --query id -o tsv)"
does devops security permission update --id $space --subject "$group" --token "$token" --deny-bit 8
is Deny devops security permission show --id $space --subject "$group" --token "$token" \
  --query "[0].acesDictionary.values(@)[0].resolvedPermissions[?name=='ForcePush'].effectivePermission | [0]"
does devops security permission reset --id $space --subject "$group" --token "$token" --permission-bit 8
is 2 devops invoke --area git --resource repositories --route-parameters project=iris --query 'length(value)'

# Repositories and refs.
does repos create --name made
made=$(az repos show -r made --query id -o tsv)
is renamed repos update -r made --name renamed --query name
does repos delete --id "$made" -y
does repos ref create -r extra --name heads/side --object-id "$MASTER"
is true repos ref lock -r extra --name heads/side --query isLocked
does repos ref unlock -r extra --name heads/side
is true repos ref delete -r extra --name heads/side --object-id "$MASTER" --query success
fails 'does not implement' repos import create --git-url http://127.0.0.1:9/x.git -r iris

# Work items.
is 1 boards work-item create --type Bug --title 'It breaks' --assigned-to alice@example.com -d Badly. \
  --area iris --iteration iris -f Microsoft.VSTS.Common.Priority=1 --discussion Hm. --query id
is 2 boards work-item create --type Task --title 'Mend it' --assigned-to alice --query id
is Active boards work-item update --id 1 --state Active --query 'fields."System.State"'
does boards work-item relation add --id 1 --relation-type child --target-id 2
is Parent boards work-item relation show --id 2 --query 'relations[].rel'
is "1${tab}It breaks" boards query --query '[].[id, fields."System.Title"]' \
  --wiql "SELECT [System.Id], [System.Title] FROM WorkItems WHERE [System.State] = 'Active' AND [System.AssignedTo] = @Me"
does boards work-item relation remove --id 1 --relation-type child --target-id 2 -y
does boards work-item delete --id 2 -y
fails TF401232 boards work-item show --id 2

# Policies: the command line sends numbers, and some truth values, as texts.
repository=$(az repos show -r extra --query id -o tsv)
everywhere="--repository-id $repository --blocking true --enabled true"
on_master="$everywhere --branch master"
is 1 repos policy approver-count create $on_master --minimum-approver-count 1 --creator-vote-counts true \
  --allow-downvotes false --reset-on-source-push false --query id
does repos policy merge-strategy create $on_master --allow-squash true
does repos policy comment-required create $on_master
does repos policy work-item-linking create $on_master
does repos policy build create $on_master --build-definition-id 1 --display-name ci --manual-queue-only false \
  --queue-on-source-update-only false --valid-duration 0
does repos policy required-reviewer create $on_master --required-reviewer-ids carol --message 'carol looks'
does repos policy file-size create $everywhere --maximum-git-blob-size 10485760 --use-uncompressed-size true
does repos policy case-enforcement create $everywhere
is 8 repos policy list --repository-id "$repository" --branch master --query 'length(@)'
is 2 repos policy approver-count update --id 1 --minimum-approver-count 2 --query settings.minimumApproverCount
az repos policy show --id 1 > policy.json
is 2 repos policy update --id 1 --config policy.json --query settings.minimumApproverCount
does repos policy approver-count update --id 1 --minimum-approver-count 1
does repos policy required-reviewer update --id 6 --blocking false
does repos policy build update --id 5 --enabled false
does repos policy case-enforcement update --id 8 --enabled false
does repos policy delete --id 5 -y

# A pull request, in a clone that says which repository is meant.
does devops configure --defaults organization= project=
cd work
is 'Why.
Twice.' repos pr create -s topic -t master --title 'Say it again' -d Why. Twice. --work-items 1 \
  --reviewers carol alice@example.com --query description
is 1 repos pr list --creator alice@example.com --reviewer carol -s topic -t master --query '[].pullRequestId'
is true repos pr update --id 1 --title 'Say it twice' --draft true --query isDraft
does repos pr update --id 1 --draft false
does repos pr reviewer add --id 1 --reviewers bob
does repos pr reviewer remove --id 1 --reviewers bob
is 'alice
carol' repos pr reviewer list --id 1 --query 'sort_by(@, &displayName)[].displayName'
is 1 repos pr work-item list --id 1 --query '[].id'
does boards work-item create --type Bug --title Another
does repos pr work-item add --id 1 --work-items 3
does repos pr work-item remove --id 1 --work-items 3
fails 'At least 1 reviewers must approve\|merge strategy is not allowed' repos pr update --id 1 --status completed
evaluation=$(az repos pr policy list --id 1 --query "[?configuration.type.displayName=='Minimum number of reviewers'].evaluationId" -o tsv)
does repos pr policy queue --id 1 -e "$evaluation"
git checkout -q master && git branch -q -D topic
does repos pr checkout --id 1
test "$(git branch --show-current)" = topic
is 10 repos pr set-vote --id 1 --vote approve --query vote
does repos pr update --id 1 --auto-complete true --squash true --delete-source-branch true \
  --merge-commit-message 'Once more' --transition-work-items true
is "completed${tab}succeeded" repos pr show --id 1 --query '[[status,mergeStatus]]'
is Resolved boards work-item show --id 1 --query 'fields."System.State"'
is refs/heads/master repos ref list --filter heads --query '[].name'
test "$(git fetch -q origin && git log -1 --format=%s origin/master)" = 'Once more'
fails TF401180 repos pr show --id 77
cd ..
echo 'all is as expected'
