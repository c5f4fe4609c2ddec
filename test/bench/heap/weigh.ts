import { setImmediate } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { obey } from '../child.js'
import { collect } from '../collect.js'
import { held, type Hold } from './held.js'

const Weighing = Type.Object({ name: Type.String(), count: Type.Integer({ minimum: 1 }) })

let kept: unknown

/** Bytes in use after everything that can be collected has been; `external` counts array buffers, too. */
function inUse (): number {
  collect('major')
  collect('major')
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

obey({
  async weigh (value) {
    const { name, count } = Value.Decode(Weighing, value)
    const hold: Hold | undefined = Object.entries(held).find(([known]) => known === name)?.[1]
    if (hold === undefined) throw new Error(`nothing is called ${name}`)
    let before = NaN
    kept = await hold(count, () => { before = inUse() })
    await setImmediate()
    const bytes = (inUse() - before) / count
    if (kept === undefined) throw new Error('nothing was kept')
    return bytes
  }
})
