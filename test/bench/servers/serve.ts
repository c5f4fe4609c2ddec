import { Session } from 'node:inspector/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { obey } from '../child.js'
import { collect } from '../collect.js'
import type { Listening } from '../messages.js'
import { Shape, type Build } from './contender.js'
import { pathsOf } from './routes.js'

const [names = 'plain', given = '{"keys":1000,"routes":1,"scopes":10,"policies":1}'] = process.argv.slice(2)
const shape = Value.Decode(Shape, JSON.parse(given))

/**
 * Moves all that comes after it to other addresses in each process. Which of the objects that a request looks at share a set
 * of the processor's cache is else the same at every start, and one more import makes a third of a request's time of it.
 */
export const ballast = Array.from({ length: Math.floor(Math.random() * 20_000) }, (_, n) => ({ n }))

async function listen (name: string): Promise<[string, Listening]> {
  const { build }: { build: Build } = await import(`./${name}.js`)
  const { app, keys, weak } = await build(shape)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  return [name, { port: Number(port), paths: pathsOf(shape.routes), keys: [...keys], ...(weak === undefined ? {} : { weak }) }]
}

const listening = new Map<string, Listening>()
for (const name of names.split(',')) listening.set(...await listen(name))
const session = new Session()

obey({
  listening: (name) => listening.get(Value.Decode(Type.String(), name)),
  settle: () => collect('major'),
  /** Bytes of what has outlived minor collections, dead or not. */
  outlived () {
    collect('minor')
    collect('minor')
    return getHeapSpaceStatistics().reduce((sum, { space_name: space, space_used_size: used }) => space.startsWith('new_') ? sum : sum + used, 0)
  },
  cpu () {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  async profile () {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 200 })
    await session.post('Profiler.start')
  },
  async profiled () {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return profile
  }
})
if (process.send === undefined) for (const [name, { port, paths, keys }] of listening) console.log(JSON.stringify({ name, port, path: paths[0], key: keys[0] }))
