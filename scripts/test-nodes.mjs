// The test suite on each Node that is supported and on the newest. `npm run test:nodes [-- --on 22,latest] [file...]`
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { environmentOf, logFile, nodeBinary, readJson, root, run, table, versionOf } from './runtimes.mjs'

const args = process.argv.slice(2)
let versions = ['20', '22', '24', 'latest']
if (args[0] === '--on') versions = args.splice(0, 2)[1].split(',')

const rows = [['Node', 'passed', 'failed', 'seconds']]
const failures = []
for (const version of versions) {
  const binary = await nodeBinary(version)
  const number = await versionOf(binary)
  process.stderr.write(`Node ${number} …\n`)
  const report = logFile(`node-${version}.json`)
  rmSync(report, { force: true })
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const started = performance.now()
  const { code } = await run(
    binary,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
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
  if (code !== 0 && numFailedTests === 0)
    failures.push(`Node ${number}: exit code ${code}; see .runtimes/node-${version}.log`)
}
console.log(table(rows))
for (const failure of failures) console.log(failure)
process.exitCode = failures.length > 0 ? 1 : 0
