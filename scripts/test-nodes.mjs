// The test suite on each Node that is supported and on the newest: `npm run test:nodes -- --help`.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { checkFiles, understand } from '../dist/test/long/command-line.js'
import { environmentOf, fetchAll, logFile, nodeBinary, readJson, root, run, table, versionOf } from './runtimes.mjs'

const HELP = `The tests on each Node that is supported and on the newest, fetched from npm into .runtimes/.

  npm run test:nodes -- [option]... [word]...    only files that have one of the words in their path

  --on VERSION,..   these (20,22,24,latest)`

const { versions, words } = understand(
  'test:nodes',
  HELP,
  { options: { on: { type: 'string', default: '20,22,24,latest' } }, allowPositionals: true },
  ({ values, positionals }) => {
    const versions = values.on.split(',')
    const wrong = versions.find((version) => !/^(\d+(\.\d+){0,2}|latest)$/.test(version))
    if (wrong !== undefined) throw new Error(`--on takes versions such as 22 or latest, not '${wrong}'`)
    checkFiles('test', positionals)
    return { versions, words: positionals }
  },
)
const binaries = await fetchAll(versions.map((version) => () => nodeBinary(version)))

const rows = [['Node', 'passed', 'failed', 'seconds']]
const failures = []
for (const [index, version] of versions.entries()) {
  const binary = binaries[index]
  const number = await versionOf(binary)
  process.stderr.write(`Node ${number} …\n`)
  const report = logFile(`node-${version}.json`)
  rmSync(report, { force: true })
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const started = performance.now()
  const { code } = await run(
    binary,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...words],
    {
      log: logFile(`node-${version}.log`),
      env: environmentOf(binary),
    },
  )
  const seconds = Math.round((performance.now() - started) / 1000)
  const { numPassedTests = 0, numFailedTests = 0, testResults = [] } = existsSync(report) ? readJson(report) : {}
  rows.push([number, numPassedTests, numFailedTests, seconds])
  for (const { name, assertionResults, message } of testResults) {
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    for (const { fullName } of failed) failures.push(`Node ${number}: ${name.slice(root.length + 1)}: ${fullName}`)
    if (failed.length === 0 && message)
      failures.push(`Node ${number}: ${name.slice(root.length + 1)}: ${message.split('\n')[0]}`)
  }
  if ((code !== 0 || numPassedTests === 0) && numFailedTests === 0)
    failures.push(`Node ${number}: exit code ${code}, ${numPassedTests} passed; see .runtimes/node-${version}.log`)
}
console.log(table(rows))
for (const failure of failures) console.log(failure)
process.exitCode = failures.length > 0 ? 1 : 0
