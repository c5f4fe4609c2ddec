import { Session } from 'node:inspector/promises'
import { buildRow } from './contender.js'

const [row = 'plain', redisPort] = process.argv.slice(2)
const { app, keys } = await buildRow(row, Number(redisPort), 1e9)
const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
const session = new Session()

const commands: Record<string, () => Promise<unknown>> = {
  cpu: async () => process.cpuUsage(),
  async 'start-profile' () {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 200 })
    await session.post('Profiler.start')
    return null
  },
  'stop-profile': async () => (await session.post('Profiler.stop')).profile
}

process.on('message', async (name: string) => process.send?.(await commands[name]?.()))
process.on('disconnect', () => process.exit())
process.send?.({ port: Number(port), keys })
