// npm and node as a stranger would call them: in another folder, without what the npm that runs the tests has left in the environment.
import { spawn } from 'node:child_process'
import process from 'node:process'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const KEPT = /^npm_config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|noproxy|cafile|strict_ssl)$/i

function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env }
  for (const name of Object.keys(environment)) {
    // `npm run` hands down its own folder as npm_config_local_prefix: an npm below would install there.
    if ((/^npm_/i.test(name) && !KEPT.test(name)) || /^(VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$)/.test(name)) {
      delete environment[name]
    }
  }
  return environment
}

/** Runs a command in `folder` to its end. */
export function run(folder: string, command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const shell = process.platform === 'win32' && command === 'npm'
    const child = spawn(command, args, {
      cwd: folder,
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      shell,
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** As run(), and what the command printed; throws all that it said if it failed. */
export async function output(folder: string, command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(folder, command, args)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`)
  return stdout
}

export function node(folder: string, args: readonly string[]): Promise<Outcome> {
  return run(folder, process.execPath, args)
}
