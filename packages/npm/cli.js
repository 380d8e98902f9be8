#!/usr/bin/env node
// `npx vsts-mock …`: the program itself.
'use strict';

const { spawnSync } = require('node:child_process');
const { findBinary } = require('./index.js');

const { status, signal, error } = spawnSync(findBinary(), process.argv.slice(2), { stdio: 'inherit' });
if (error) {
  console.error(String(error));
}
process.exitCode = status ?? (signal ? 128 + require('node:os').constants.signals[signal] : 1);
