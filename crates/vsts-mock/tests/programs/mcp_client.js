// A client of the Model Context Protocol over stdio, as far as tools go: starts a server and calls its tools.
"use strict";
const { spawn } = require("node:child_process");
const readline = require("node:readline");

// Starts a server by a line of a shell.
async function start(line) {
  const child = spawn("sh", ["-c", line], { detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const said = [];
  child.stderr.on("data", (data) => said.push(data));
  const waiting = new Map();
  child.on("exit", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the server ended with ${code}: ${Buffer.concat(said)}`));
  });
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.startsWith("{")) return; // Some libraries of servers print to stdout.
    const message = JSON.parse(line);
    const asked = waiting.get(message.id);
    if (!asked || !("result" in message || "error" in message)) return;
    waiting.delete(message.id);
    if (message.error) asked.reject(new Error(JSON.stringify(message.error)));
    else asked.resolve(message.result);
  });
  let last = 0;
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      send({ id, method, params });
    });
  await ask("initialize", { protocolVersion: "2025-03-26", capabilities: {}, clientInfo: { name: "test", version: "1" } });
  send({ method: "notifications/initialized" });
  const called = new Set();
  const call = async (name, args) => {
    called.add(name);
    const answer = await ask("tools/call", { name, arguments: args });
    return { text: answer.content.map((one) => one.text).join("\n"), failed: answer.isError === true };
  };
  return {
    tools: async () => (await ask("tools/list", {})).tools.map((tool) => tool.name).sort(),
    called,
    // What a tool answers, which must not be an error; JSON in it is read.
    async ok(name, args) {
      const { text, failed } = await call(name, args);
      if (failed) throw new Error(`${name} ${JSON.stringify(args)}: ${text}`);
      // A server may put lines around it that warn of content by others.
      const json = text.match(/^[[{][\s\S]*[\]}]$/m) ?? [text];
      try {
        return JSON.parse(json[0]);
      } catch {
        return text;
      }
    },
    // The error that a tool answers.
    async fails(name, args) {
      try {
        const { text, failed } = await call(name, args);
        if (failed || /error/i.test(text)) return text;
        throw new Error(`${name} does not fail: ${text}`);
      } catch (error) {
        return error.message;
      }
    },
    stop() {
      child.stdin.end();
      process.kill(-child.pid);
    },
  };
}

module.exports = { start };
