// Starts vsts-mock, an offline stand-in for Azure DevOps, and talks to it. See index.d.ts for what each name means.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { randomUUID } = require('node:crypto');

const DEFAULT_SEED = {
  users: [
    { name: 'alice', email: 'alice@example.com', tokens: [{ name: 'test' }] },
    { name: 'bob', email: 'bob@example.com', tokens: [{ name: 'test' }] },
  ],
  accounts: [{ name: 'acme', owner: 'alice', projects: [{ name: 'iris', readers: ['bob'] }] }],
};

function findBinary() {
  const beside = path.join(__dirname, 'bin', 'vsts-mock');
  const onPath = (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, 'vsts-mock'));
  const found = [process.env.VSTS_MOCK_BIN, beside, ...onPath].find((file) => {
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile() && !fs.realpathSync(file).endsWith('cli.js');
    } catch {
      return false;
    }
  });
  if (!found) {
    throw new Error(
      'the program vsts-mock is not installed: install it with `cargo install --path crates/vsts-mock`, or set VSTS_MOCK_BIN to it',
    );
  }
  return found;
}

async function start(options = {}) {
  const { seed = DEFAULT_SEED, profile, intercept = false, dataDir, binary = findBinary() } = options;
  const isFile = typeof seed === 'string';
  const folder = isFile ? undefined : fs.mkdtempSync(path.join(os.tmpdir(), 'vsts-mock-seed-'));
  const config = isFile ? seed : path.join(folder, 'seed.json');
  if (!isFile) {
    fs.writeFileSync(config, JSON.stringify(seed));
  }
  const local = '127.0.0.1:0';
  const args = ['serve', '--config', config, '--http', local, '--https', local, '--ssh', local];
  args.push(...(profile ? ['--profile', profile] : []), ...(intercept ? ['--intercept'] : []));
  args.push(...(dataDir ? ['--data-dir', dataDir] : []));
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => (log = (log + chunk).slice(-(1 << 20))));
  const ended = new Promise((resolve) => child.once('close', resolve));
  // A test process that dies without stopping the server takes it with it.
  const kill = () => child.kill();
  process.once('exit', kill);
  try {
    const line = await new Promise((resolve, reject) => {
      child.once('error', reject);
      readline.createInterface({ input: child.stdout }).once('line', resolve);
      ended.then(() => reject(new Error(`vsts-mock did not start: ${log.trim()}`)));
    });
    // Neither the process nor its pipes keep a test run from ending.
    child.unref();
    child.stdout.unref();
    child.stderr.unref();
    return new Server(JSON.parse(line), async () => {
      process.removeListener('exit', kill);
      child.ref();
      child.kill();
      await ended;
    }, () => log);
  } finally {
    if (folder) {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }
}

class Server {
  #stop;
  #log;

  constructor(ready, stop, log) {
    this.ready = ready;
    this.url = ready.http;
    this.httpsUrl = ready.https;
    this.sshUrl = ready.ssh;
    this.caPem = ready.ca_pem;
    this.environment = ready.environment ?? {};
    this.#stop = stop;
    this.#log = log;
  }

  get log() {
    return this.#log();
  }

  async stop() {
    await this.#stop();
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.stop();
  }

  token(user, name = 'test') {
    const token = this.ready.tokens?.[user]?.[name];
    if (token === undefined) {
      throw new Error(`the seed had no token ${name} generated for ${user}`);
    }
    return token;
  }

  async reset() {
    this.ready.tokens = (await this.admin('POST', '/reset')).tokens;
  }

  snapshot(name) {
    return this.admin('POST', `/snapshots/${encodeURIComponent(name)}`);
  }

  async restore(name) {
    this.ready.tokens = (await this.admin('POST', `/snapshots/${encodeURIComponent(name)}/restore`)).tokens;
  }

  async snapshots() {
    return (await this.admin('GET', '/snapshots')).snapshots;
  }

  async removeSnapshot(name) {
    await this.admin('DELETE', `/snapshots/${encodeURIComponent(name)}`);
  }

  admin(method, resource, body) {
    return send(method, `${this.url}/_mock${resource}`, `Bearer ${this.ready.admin_token}`, body);
  }

  async journal(query = {}) {
    return (await this.admin('GET', `/journal?${new URLSearchParams(query)}`)).entries;
  }

  async deliveries() {
    return (await this.admin('GET', '/deliveries')).deliveries;
  }

  fault(kind, fields = {}) {
    return this.admin('POST', '/faults', { ...fields, kind });
  }

  moveClock(seconds) {
    return this.admin('PUT', '/clock', { ahead: seconds });
  }

  rest(method, resource, body, { account = 'acme', user = 'alice', token } = {}) {
    const credentials = Buffer.from(`:${token ?? this.token(user)}`).toString('base64');
    return send(method, `${this.url}/${account}/${resource.replace(/^\/+/, '')}`, `Basic ${credentials}`, body);
  }

  async repo(name = `repo-${randomUUID().slice(0, 8)}`, { account = 'acme', project = 'iris', user = 'alice' } = {}) {
    const resource = `${encodeURIComponent(project)}/_apis/git/repositories?api-version=4.1`;
    const made = await this.rest('POST', resource, { name }, { account, user });
    return new Repo(this, account, project, made);
  }
}

class Repo {
  #server;

  constructor(server, account, project, made) {
    this.#server = server;
    Object.assign(this, { account, project, id: made.id, name: made.name });
    const where = `/${encodeURIComponent(account)}/${encodeURIComponent(project)}/_git/${encodeURIComponent(made.name)}`;
    this.url = server.url + where;
    this.serviceUrl = `https://dev.azure.com${where}`;
  }

  urlFor(user = 'alice', base = this.url) {
    return base.replace('://', `://${user}:${this.#server.token(user)}@`);
  }

  rest(method, resource = '', body = undefined, by = {}) {
    const base = `${encodeURIComponent(this.project)}/_apis/git/repositories/${this.id}`;
    return this.#server.rest(method, base + (resource && !resource.startsWith('?') ? '/' : '') + resource, body, { account: this.account, ...by });
  }

  async commit(files, { message = 'A change', branch = 'main', user = 'alice' } = {}) {
    const name = `refs/heads/${branch}`;
    const refs = (await this.rest('GET', `refs?filter=heads/${encodeURIComponent(branch)}`)).value;
    const tip = refs.find((ref) => ref.name === name)?.objectId;
    const query = new URLSearchParams({
      recursionLevel: 'full',
      'versionDescriptor.versionType': 'branch',
      'versionDescriptor.version': branch,
    });
    const known = tip ? (await this.rest('GET', `items?${query}`)).value.map((item) => item.path) : [];
    const changes = Object.entries(files).map(([file, content]) => {
      const where = `/${file.replace(/^\/+/, '')}`;
      return {
        changeType: known.includes(where) ? 'edit' : 'add',
        item: { path: where },
        newContent: { content: Buffer.from(content).toString('base64'), contentType: 'base64encoded' },
      };
    });
    const push = { refUpdates: [{ name, oldObjectId: tip ?? '0'.repeat(40) }], commits: [{ comment: message, changes }] };
    return (await this.rest('POST', 'pushes?api-version=4.1', push, { user })).commits[0].commitId;
  }
}

class Refused extends Error {
  constructor(method, url, status, body) {
    super(`${method} ${url}: ${status} ${body?.message ?? body}`);
    this.name = 'Refused';
    this.status = status;
    this.body = body;
  }
}

function send(method, url, authorization, body) {
  const data = body === undefined ? undefined : JSON.stringify(body);
  const headers = { authorization, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (answer) => {
      const chunks = [];
      answer.on('error', reject);
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        let value = text;
        try {
          value = text ? JSON.parse(text) : undefined;
        } catch {
          // An answer that is no JSON stays a text.
        }
        if (answer.statusCode >= 400) {
          reject(new Refused(method, url, answer.statusCode, value));
        } else {
          resolve(value);
        }
      });
    });
    request.on('error', reject);
    request.end(data);
  });
}

module.exports = { DEFAULT_SEED, Refused, Repo, Server, findBinary, start };
