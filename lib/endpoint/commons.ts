// What the connections of an endpoint have in common, or those of all clients: memory for their buffers, and all that is counted.
import { Defences } from '../core/defences.js'
import { Admission } from './admission.js'
import { BufferBudget } from './budget.js'
import { Counts } from './counts.js'
import type { StackLimits } from './limits.js'

export class Commons {
  readonly counts: Counts = new Counts()
  readonly defences: Defences = new Defences()
  readonly budget: BufferBudget
  readonly admission: Admission

  constructor(limits: StackLimits) {
    this.budget = new BufferBudget(limits.maxBufferMemory)
    this.admission = new Admission(this.counts, this.budget, limits)
  }
}
