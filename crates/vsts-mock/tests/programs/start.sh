# What every program finds: a repository with two branches, of which `topic` changes a file of `master`.
export GIT_TERMINAL_PROMPT=0
git init -q -b master work && cd work
git config user.name alice && git config user.email alice@example.com
mkdir src && echo '# Garden' > README.md && echo 'print("hello")' > src/app.py
git add . && git commit -qm 'First commit'
git remote add origin https://x:alicepat@dev.azure.com/acme/iris/_git/extra
git push -q origin master
git checkout -q -b topic && echo 'print("hello again")' >> src/app.py && git commit -qam 'Say it again'
git push -q origin topic
export MASTER=$(git rev-parse master) TOPIC=$(git rev-parse topic)
cd ..
