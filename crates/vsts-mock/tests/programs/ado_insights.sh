begun=$(date -u +%F)
ask() { curl -sSf -u ":${1}pat" -H 'Content-Type: application/json' "https://dev.azure.com/acme/iris/_apis/git/repositories/extra/pullrequests$2?api-version=7.1" ${3:+-X "$3"} ${4:+-d "$4"}; }
pick() { python3 -c "import json, sys; value = json.load(sys.stdin); print($1)"; }
ask alice '' POST '{"sourceRefName":"refs/heads/topic","targetRefName":"refs/heads/master","title":"Say it again"}' > pull.json
ask carol /1/threads POST '{"comments":[{"content":"Look.","commentType":"text"}],"status":"active"}' > thread.json
carol=$(pick 'value["comments"][0]["author"]["id"]' < thread.json)
ask carol "/1/reviewers/$carol" PUT '{"vote":10}' > vote.json
ask alice /1 PATCH '{"status":"completed","lastMergeSourceCommit":{"commitId":"'"$TOPIC"'"}}' > done.json
test "$(ask alice /1 | pick 'value["status"]')" = completed

$ADO_INSIGHTS extract --organization acme --projects iris --pat alicepat --database pulls.sqlite \
  --start-date "$begun" --end-date "$(date -u +%F)" --include-comments
$ADO_INSIGHTS generate-csv --database pulls.sqlite --output csv
$ADO_INSIGHTS generate-aggregates --database pulls.sqlite --output aggregates
python3 - <<'END'
import csv, json, sqlite3
rows = {name: list(csv.DictReader(open(f"csv/{name}.csv"))) for name in ("pull_requests", "reviewers", "repositories", "users", "projects")}
[pull] = rows["pull_requests"]
assert (pull["title"], pull["status"], pull["pull_request_id"]) == ("Say it again", "completed", "1"), pull
assert [(one["vote"]) for one in rows["reviewers"]] == ["10"], rows
assert [one["repository_name"] for one in rows["repositories"]] == ["extra"], rows
# The third is the service itself, which writes the threads about votes and merges.
assert {one["display_name"] for one in rows["users"]} > {"alice", "carol"}, rows
# One of a person, and three of the service. Of comments the program keeps one for each number, and every thread counts from 1.
threads = sqlite3.connect("pulls.sqlite").execute("SELECT count(*) FROM pr_threads").fetchone()
assert threads == (4,), threads
print("all is as expected")
END
