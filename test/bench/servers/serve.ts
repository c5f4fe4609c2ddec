import { Session } from 'node:inspector/promises'
import { Value } from '@sinclair/typebox/value'
import { obey } from '../child.js'
import type { Listening } from '../messages.js'
import { Shape, type Build } from './contender.js'
import { pathsOf } from './routes.js'

const [name = 'plain', given = '{"keys":1000,"routes":1,"scopes":10,"policies":1}'] = process.argv.slice(2)
const shape = Value.Decode(Shape, JSON.parse(given))

const { build }: { build: Build } = await import(`./${name}.js`)
const { app, keys, weak } = await build(shape)
const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
const listening: Listening = { port: Number(port), paths: pathsOf(shape.routes), keys: [...keys], ...(weak === undefined ? {} : { weak }) }
const session = new Session()

obey({
  listening: () => listening,
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
if (process.send === undefined) console.log(JSON.stringify({ port: listening.port, path: listening.paths[0], key: keys[0] }))
