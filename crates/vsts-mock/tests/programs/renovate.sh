mkfifo port
python3 "$REGISTRY" > port &
trap "kill $!" EXIT
read -r port < port
registry="http://127.0.0.1:$port"
api=https://dev.azure.com/acme/iris/_apis
ask() { curl -sSf -u ":${1}pat" -H 'Content-Type: application/json' "$api/$2" ${3:+-X "$3"} ${4:+-d "$4"}; }
pick() { python3 -c "import json, sys; value = json.load(sys.stdin); print($1)"; }

cd work
git checkout -q master
echo '{ "name": "garden", "version": "1.0.0", "dependencies": { "seed-box": "1.0.0" } }' > package.json
echo 'water-can==2.0.0' > requirements.txt
echo 'SPADE_VERSION=3.0.0' > Makefile
cat > renovate.json <<END
{
  "automerge": true, "platformAutomerge": true, "prHourlyLimit": 0, "rebaseWhen": "behind-base-branch", "dependencyDashboard": true,
  "packageRules": [
    { "matchDatasources": ["npm"], "registryUrls": ["$registry/npm/"] },
    { "matchDatasources": ["pypi"], "registryUrls": ["$registry/pypi/"] }
  ],
  "customDatasources": { "plain": { "defaultRegistryUrlTemplate": "$registry/plain/{{packageName}}" } },
  "customManagers": [{
    "customType": "regex", "managerFilePatterns": ["/Makefile/"], "matchStrings": ["SPADE_VERSION=(?<currentValue>\\\\S+)"],
    "depNameTemplate": "spade", "datasourceTemplate": "custom.plain"
  }]
}
END
git add . && git commit -qm 'Three outdated dependencies' && git push -q origin master
cd ..

repository=$(ask alice 'git/repositories/extra' | pick 'value["id"]')
ask alice 'policy/configurations?api-version=7.1' POST '{
  "isEnabled": true, "isBlocking": true, "type": { "id": "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd" },
  "settings": { "minimumApproverCount": 1, "creatorVoteCounts": true,
    "scope": [{ "repositoryId": "'"$repository"'", "refName": "refs/heads/master", "matchKind": "Exact" }] }
}' > policy.json

export RENOVATE_ONBOARDING=false RENOVATE_GIT_AUTHOR='Renovate <bot@example.com>' RENOVATE_BASE_DIR="$PWD/base"
export LOG_LEVEL=debug
run() { (eval "$LINE") > "$1.log" 2>&1 || { tail -50 "$1.log"; exit 1; }; }
pulls() { ask alice "git/repositories/extra/pullrequests?searchCriteria.status=all&api-version=7.1"; }
vote() { # PULL_REQUEST
  id=$(api=https://dev.azure.com/acme/_apis ask alice connectionData | pick 'value["authenticatedUser"]["id"]')
  ask alice "git/repositories/extra/pullrequests/$1/reviewers/$id?api-version=7.1" PUT "{\"id\":\"$id\",\"vote\":10}" > vote.json
}

run first
pulls > first.json
python3 - <<'END'
import json
pulls = sorted(json.load(open("first.json"))["value"], key=lambda pull: pull["title"])
titles = ["Update dependency seed-box to v1.1.0", "Update dependency spade to v3.3.0", "Update dependency water-can to v2.2.0"]
assert [pull["title"] for pull in pulls] == titles, pulls
assert all(pull["status"] == "active" and "autoCompleteSetBy" in pull for pull in pulls), pulls
END

# The target moves, by a pull request as well: the policy lets no push through.
ask alice 'git/repositories/extra/pullrequests?api-version=7.1' POST \
  '{"sourceRefName":"refs/heads/topic","targetRefName":"refs/heads/master","title":"Say it again"}' > topic.json
topic=$(pick 'value["pullRequestId"]' < topic.json)
vote "$topic"
ask alice "git/repositories/extra/pullrequests/$topic?api-version=7.1" PATCH \
  '{"status":"completed","lastMergeSourceCommit":{"commitId":"'"$TOPIC"'"}}' > done.json
test "$(ask alice "git/repositories/extra/pullrequests/$topic" | pick 'value["status"]')" = completed
run second
git -C work fetch -q origin
test "$(git -C work branch -r --list 'origin/renovate/*' | wc -l)" = 3
for branch in $(git -C work branch -r --list 'origin/renovate/*'); do
  test "$(git -C work merge-base "$branch" origin/master)" = "$(git -C work rev-parse origin/master)"
done

# An approval is all that auto-complete waits for.
for pull in $(pick '" ".join(str(pull["pullRequestId"]) for pull in value["value"])' < first.json); do
  vote "$pull"
  test "$(ask alice "git/repositories/extra/pullrequests/$pull" | pick 'value["status"]')" = completed
done
run third
git -C work fetch -q --prune origin
test -z "$(git -C work branch -r --list 'origin/renovate/*')"
git -C work checkout -q origin/master
(cd work && grep -q '"seed-box": "1.1.0"' package.json && grep -qx 'water-can==2.2.0' requirements.txt && grep -qx 'SPADE_VERSION=3.3.0' Makefile)
test "$(pulls | pick 'len(value["value"])')" = 4
echo 'all is as expected'
