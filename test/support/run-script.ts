// A script of a few lines as a process of its own, with the built package under its name.
import { type ChildProcess, spawn } from 'node:child_process'
import { root } from './source-tree.js'

export interface Ended {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
}

/** `flags`: of node. The script is an ES module in the folder of the package. */
export function startScript(script: string, ...flags: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const args = [...flags, '--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, ended }
}
