// Loaded into every Node.js process below `vsts-mock exec --intercept`. Node's own clients read no proxy from the
// environment before version 24, and many packages bring a client of their own; all of them connect through net.Socket.
'use strict';

const net = require('node:net');
const settings = require('./settings.json');
const connect = net.Socket.prototype.connect;

const isOfService = (host) => settings.suffixes.some((suffix) => host === suffix.slice(1) || host.endsWith(suffix));
const isLocal = (host) =>
  host === 'localhost' || host.endsWith('.localhost') || host === '::1' || host.startsWith('127.') || host === '0.0.0.0';

net.Socket.prototype.connect = function (...given) {
  // Node itself passes its normalised arguments as one array: the options and the callback.
  const [first, second, third] = Array.isArray(given[0]) ? given[0] : given;
  const options =
    typeof first === 'object' && first !== null
      ? first
      : { port: first, host: typeof second === 'string' ? second : undefined };
  const callback = [second, third].find((value) => typeof value === 'function');
  const host = String(options.host ?? 'localhost').toLowerCase();
  if (options.path || isLocal(host)) {
    return connect.apply(this, given);
  }
  if (isOfService(host) && Number(options.port) === 443) {
    return connect.call(this, { ...options, host: settings.host, port: settings.port, lookup: undefined }, callback);
  }
  const error = new Error(`vsts-mock --intercept refuses ${host}:${options.port}: it is not a host of the service`);
  process.nextTick(() => this.destroy(Object.assign(error, { code: 'ECONNREFUSED' })));
  return this;
};
