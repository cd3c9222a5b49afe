// The one stack of this machine, made when it is first needed.
import { Stack } from '../endpoint/stack.js'
import { createNodePlatform } from '../platform/node.js'

let stack: Stack | null = null

/** The stack that sockets and servers live on unless they are given another. */
export function defaultStack(): Stack {
  stack ??= new Stack(createNodePlatform())
  return stack
}
