#!/usr/bin/env node
// Entry point of the command line, in old JavaScript without static imports, so that a Node.js that is too old reports
// its version instead of a syntax error. package.json's `engines`, README.md and hosts/lab/setup.mjs name the same
// versions.
var version = process.versions.node.split('.')
var major = Number(version[0])
var minor = Number(version[1])
var isSupported = major >= 26 || major === 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)

if (isSupported) {
  void Promise.all([import('./program.js'), import('./output.js')]).then(function (modules) {
    modules[1].endQuietly(process.stdout, process.stderr)
    modules[1].reserveStandardOutput()
    return modules[0]
      .run(process.argv.slice(2), { env: process.env, output: modules[1].terminal })
      .then(function (code) {
        process.exitCode = code
      })
  })
} else {
  process.stderr.write(
    'portreeve: Node.js 20.19 or a later 20, 22.12 or a later 22, 24, or 26 and later is needed; this is ' +
      process.versions.node +
      '.\n',
  )
  process.exitCode = 1
}
