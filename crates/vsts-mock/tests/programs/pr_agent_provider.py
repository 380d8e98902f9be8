"""PR-Agent's class for Azure DevOps: the diff of a pull request read, its description, comments and labels published."""
import json
import urllib.request
from base64 import b64encode

from pr_agent.config_loader import get_settings
from pr_agent.git_providers.azuredevops_provider import AzureDevopsProvider

URL = "https://dev.azure.com/acme/iris/_apis/git/repositories/extra/pullrequests?api-version=7.1"
body = {"sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "Say it again", "description": "Why."}
headers = {"Content-Type": "application/json", "Authorization": "Basic " + b64encode(b":alicepat").decode()}
made = json.load(urllib.request.urlopen(urllib.request.Request(URL, json.dumps(body).encode(), headers)))

get_settings().set("AZURE_DEVOPS", {"org": "https://dev.azure.com/acme", "pat": "alicepat"})
get_settings().set("CONFIG.GIT_PROVIDER", "azure")
provider = AzureDevopsProvider(f"https://dev.azure.com/acme/iris/_git/extra/pullrequest/{made['pullRequestId']}")
assert provider.get_title() == "Say it again"
assert provider.get_pr_branch() == "topic"
assert provider.get_pr_description_full() == "Why."
assert provider.get_files() == ["/src/app.py"], provider.get_files()
[diff] = provider.get_diff_files()
assert diff.filename.endswith("src/app.py") and '+print("hello again")' in diff.patch, diff
assert (diff.base_file, diff.head_file) == ('print("hello")\n', 'print("hello")\nprint("hello again")\n'), diff
assert list(provider.get_languages()) != []
provider.publish_description("Say it twice", "Because it was not heard.")
comment = provider.publish_comment("A review.")
provider.edit_comment(comment, "A better review.")
assert [one.content for one in provider.get_issue_comments()] == ["A better review."]
provider.publish_labels(["Enhancement"])
assert provider.get_pr_labels(update=True) == ["Enhancement"]
provider.reply_to_thread(comment.thread_id, "An answer.")
assert provider.set_thread_status(comment.thread_id, "fixed")
again = AzureDevopsProvider(provider.pr_url)
assert (again.get_title(), again.get_pr_description_full()) == ("Say it twice", "Because it was not heard.")
