/** What a server begins with: the keys of a seed file, which `vsts-mock init` prints. */
export interface Seed {
  users?: SeedUser[];
  accounts?: SeedAccount[];
  faults?: Record<string, unknown>[];
  [key: string]: unknown;
}

export interface SeedUser {
  name: string;
  email?: string;
  password?: string;
  /** A token without a value is generated; `Server.token` gives it. */
  tokens?: { name: string; value?: string; scopes?: string[] }[];
  ssh_keys?: { name: string; key?: string; file?: string }[];
}

export interface SeedAccount {
  name: string;
  owner?: string;
  projects?: { name: string; contributors?: string[]; readers?: string[]; repos?: Record<string, unknown>[] }[];
}

export type Profile = 'permissive' | 'vsts' | 'azure-devops';

export interface Options {
  /** The seed, or the path of a seed file. The default has alice, who owns the account acme with its project iris, and bob, who reads. */
  seed?: Seed | string;
  profile?: Profile;
  /** Makes `Server.environment`, by which programs reach the server as `https://dev.azure.com`. */
  intercept?: boolean;
  /** Keeps the state there; without it, it goes with the server. */
  dataDir?: string;
  /** The program; by default VSTS_MOCK_BIN, that of the package, or that on the PATH. */
  binary?: string;
}

/** Starts a server on free ports of loopback; resolves once it answers. */
export function start(options?: Options): Promise<Server>;

/** The path of the program. */
export function findBinary(): string;

export const DEFAULT_SEED: Seed;

export class Server {
  /** The ready line: addresses, host key, certificate authority, tokens. */
  readonly ready: Record<string, any>;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly httpsUrl: string;
  readonly sshUrl: string;
  /** The certificate authority of HTTPS, as PEM. */
  readonly caPem: string;
  /** Variables for programs that shall reach the server as `https://dev.azure.com`; empty without `intercept`. */
  readonly environment: Record<string, string>;
  /** The end of what the server has logged. */
  readonly log: string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  /** A token that the seed had generated. */
  token(user: string, name?: string): string;
  /** Goes back to the seed: everything else is gone. Tokens without a value in the seed are new. */
  reset(): Promise<void>;
  /** Saves the whole state under a name, in the place of the one that has the name. */
  snapshot(name: string): Promise<Snapshot>;
  /** Goes back to a saved state, within milliseconds. The journal is empty then, and tokens are those of that state. */
  restore(name: string): Promise<void>;
  /** The saved states, by name. */
  snapshots(): Promise<Snapshot[]>;
  /** Removes a saved state. */
  removeSnapshot(name: string): Promise<void>;
  /** A request to the admin API, below `/_mock`; the decoded answer. */
  admin(method: string, resource: string, body?: unknown): Promise<any>;
  /** The requests and changes of refs so far, oldest first. */
  journal(query?: Record<string, string>): Promise<Record<string, any>[]>;
  /** The events that were sent to service hooks, oldest first, with each attempt. */
  deliveries(): Promise<Record<string, any>[]>;
  /** Makes some requests go wrong on purpose. */
  fault(kind: string, fields?: Record<string, unknown>): Promise<any>;
  /** Sets the server's clock so many seconds ahead, until the next reset: tokens expire. */
  moveClock(seconds: number): Promise<any>;
  /** A request to the REST API of an account, by a user of the seed; the decoded answer. Rejects with `Refused`. */
  rest(method: string, resource: string, body?: unknown, by?: By): Promise<any>;
  /** Makes a repository, by default with a name of its own. */
  repo(name?: string, where?: { account?: string; project?: string; user?: string }): Promise<Repo>;
}

/** A saved state of the server. */
export interface Snapshot {
  name: string;
  /** The time when it was saved. */
  created: string;
  /** The bytes of its files, also of those that it shares with others. */
  bytes: number;
  counts: {
    users: number;
    accounts: number;
    projects: number;
    repositories: number;
    pullRequests: number;
    workItems: number;
    largeFiles: number;
  };
}

export interface By {
  account?: string;
  user?: string;
  token?: string;
}

export class Repo {
  readonly id: string;
  readonly name: string;
  readonly account: string;
  readonly project: string;
  /** The address for Git, without credentials. */
  readonly url: string;
  /** The same at `https://dev.azure.com`, for programs with `Server.environment`. */
  readonly serviceUrl: string;
  /** An address with a user's token in it. */
  urlFor(user?: string, base?: string): string;
  /** A request about the repository to the REST API, for example `repo.rest('GET', 'refs')`. */
  rest(method: string, resource?: string, body?: unknown, by?: By): Promise<any>;
  /** Commits files to a branch; the commit's id. The first branch becomes the default one. */
  commit(
    files: Record<string, string | Uint8Array>,
    options?: { message?: string; branch?: string; user?: string },
  ): Promise<string>;
}

/** The server refused a request. */
export class Refused extends Error {
  readonly status: number;
  readonly body: any;
}
