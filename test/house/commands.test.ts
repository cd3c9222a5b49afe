// The long commands and the plots: each says what it takes, and none does anything before it has understood its arguments.
import { expect, test } from 'vitest'
import { node } from '../support/npm.js'
import { root } from '../support/source-tree.js'

const long = (name: string): string => `dist/test/long/${name}.js`

test.each([
  ['attack:flood', long('syn-flood')],
  ['attack:sack', long('sack-attack')],
  ['fuzz', long('fuzz')],
  ['fuzz:codec', long('fuzz-codec')],
  ['soak', long('soak')],
  ['test:clients', 'scripts/test-clients.mjs'],
  ['test:kill', long('kill')],
  ['test:nodes', 'scripts/test-nodes.mjs'],
  ['test:runtimes', 'scripts/test-runtimes.mjs'],
])('%s has a --help, and takes nothing that it does not know', async (name, file) => {
  const help = await node(root, [file, '--help'])
  expect([help.code, help.stderr]).toEqual([0, ''])
  expect(help.stdout).toContain(`npm run ${name}`)
  const wrong = await node(root, [file, '--nothing-like-it'])
  expect([wrong.code, wrong.stdout]).toEqual([2, ''])
  expect(wrong.stderr).toMatch(/^Unknown option '--nothing-like-it'.*\nnpm run .* -- --help\n$/)
})

test.each([
  [long('fuzz'), '--segments=0', "--segments takes a whole number from 1 on, not '0'"],
  [long('fuzz'), '--segments=', "--segments takes a whole number from 1 on, not ''"],
  [long('fuzz'), '--segments=1.5', "--segments takes a whole number from 1 on, not '1.5'"],
  [long('fuzz'), '--seed=-1', "--seed takes a whole number from 0 on, not '-1'"],
  ['scripts/test-clients.mjs', 'nobody', "no test in test/clients has 'nobody' in its path"],
  ['scripts/test-nodes.mjs', 'nobody', "no test in test has 'nobody' in its path"],
  ['scripts/test-nodes.mjs', '--on=newest', "--on takes versions such as 22 or latest, not 'newest'"],
])('%s %s is not begun', async (file, argument, message) => {
  const { code, stdout, stderr } = await node(root, [file, argument])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr.split('\n')[0]).toBe(message)
})

test.each([
  ['--secs=0', '--secs takes a number of at least 0.001, not 0'],
  ['--from=5 --to=2', '--from 5 is not before --to 2'],
  ['--out=x.png', '--out takes a name that ends in .svg or .html, not x.png'],
  ['--out=no/such/x.svg', 'there is no folder no/such to write to'],
])('plot %s draws nothing', async (line, message) => {
  expect(await node(root, ['dist/bench/plots/run.js', ...line.split(' ')])).toEqual({
    code: 1,
    stdout: '',
    stderr: `plot: ${message}\n`,
  })
})
