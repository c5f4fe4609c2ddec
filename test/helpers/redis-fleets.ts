import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { run, start } from './child.js'
import { freePort, startRedis, type Owner, type RedisServer } from './redis-server.js'
import { eventually } from './redis-store.js'

export interface Address { readonly host: string, readonly port: number }

const at = (port: number): Address => ({ host: '127.0.0.1', port })

/** A primary named `m`, two replicas and three sentinels that replace it after half a second. */
export async function startSentinels (owner: Owner): Promise<{ readonly sentinels: Address[], readonly primary: RedisServer }> {
  const primary = await startRedis(owner)
  const replicas = await Promise.all([1, 2].map(() => startRedis(owner, ['--replicaof', '127.0.0.1', String(primary.port)])))
  await Promise.all(replicas.map((replica) => eventually(async () => /master_link_status:up/.test(await replica.client().info('replication')), 'a replica follows')))
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(owner, primary.port)))
  const [first = at(0)] = sentinels
  const asked = new Redis({ ...first, maxRetriesPerRequest: null })
  asked.on('error', () => {})
  await eventually(async () => /slaves=2,sentinels=3/.test(await asked.info('sentinel')), 'the sentinels know one another')
  asked.disconnect()
  return { sentinels, primary }
}

async function startSentinel (owner: Owner, primary: number): Promise<Address> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-sentinel-'))
  const port = await freePort()
  const config = join(folder, 'sentinel.conf')
  await writeFile(config, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `sentinel monitor m 127.0.0.1 ${primary} 2`, 'sentinel down-after-milliseconds m 500', 'sentinel failover-timeout m 3000', ''].join('\n'))
  const child = start(['redis-sentinel', config], folder)
  child.stdout.resume()
  child.stderr.resume()
  const ended = once(child, 'exit')
  owner.teardown(async () => {
    if (child.kill('SIGKILL')) await ended
    await rm(folder, { recursive: true, force: true })
  })
  return at(port)
}

/** Three primaries, each with a replica that replaces it after half a second. */
export async function startCluster (owner: Owner): Promise<{ readonly nodes: Address[], readonly servers: RedisServer[] }> {
  const servers = await Promise.all(Array.from({ length: 6 }, async () => startRedis(owner, [
    '--cluster-enabled', 'yes', '--cluster-node-timeout', '500', '--cluster-port', String(await freePort()), '--cluster-replica-validity-factor', '0',
  ])))
  const nodes = servers.map(({ port }) => at(port))
  const { code, stdout, stderr } = await run(['redis-cli', '--cluster', 'create', ...nodes.map(({ host, port }) => `${host}:${port}`), '--cluster-replicas', '1', '--cluster-yes'])
  if (code !== 0) throw new Error(`redis-cli --cluster create: ${stdout} ${stderr}`)
  await Promise.all(servers.map((server) => eventually(async () => {
    const client = server.client()
    const [info, replication] = await Promise.all([client.cluster('INFO'), client.info('replication')])
    client.disconnect()
    return /cluster_state:ok/.test(String(info)) && (/role:master/.test(replication) ? /connected_slaves:1/ : /master_link_status:up/).test(replication)
  }, 'the cluster stands')))
  return { nodes, servers }
}
