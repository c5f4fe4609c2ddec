import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import { run } from './child.js'
import { onFreePort } from './ports.js'
import type { Ending } from './ending.js'
import { startProgram } from './programs.js'
import { startRedis, type RedisServer } from './redis-server.js'
import { until } from './until.js'

export interface Address { readonly host: string, readonly port: number }

const at = (port: number): Address => ({ host: '127.0.0.1', port })

/** A primary named `m`, two replicas and three sentinels that replace it after half a second. */
export async function startSentinels (owner: Ending): Promise<{ readonly sentinels: Address[], readonly primary: RedisServer }> {
  const primary = await startRedis(owner)
  const replicas = await Promise.all([1, 2].map(() => startRedis(owner, ['--replicaof', '127.0.0.1', String(primary.port)])))
  await Promise.all(replicas.map((replica) => until(async () => /master_link_status:up/.test(await replica.client().info('replication')), 'a replica follows')))
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(owner, primary.port)))
  const [first = at(0)] = sentinels
  const asked = new Redis({ ...first, maxRetriesPerRequest: null })
  asked.on('error', () => {})
  await until(async () => /slaves=2,sentinels=3/.test(await asked.info('sentinel')), 'the sentinels know one another')
  asked.disconnect()
  return { sentinels, primary }
}

async function startSentinel (owner: Ending, primary: number): Promise<Address> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-sentinel-'))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return onFreePort(async (port) => {
    const config = join(folder, 'sentinel.conf')
    await writeFile(config, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `sentinel monitor m 127.0.0.1 ${primary} 2`, 'sentinel down-after-milliseconds m 500', 'sentinel failover-timeout m 3000', ''].join('\n'))
    const sentinel = await startProgram(['redis-sentinel', config], folder, /Sentinel ID is/)
    owner.teardown(async () => {
      sentinel.signal('SIGKILL')
      await sentinel.gone
    })
    return at(port)
  })
}

/** Three primaries, each with a replica that replaces it after half a second. */
export async function startCluster (owner: Ending): Promise<{ readonly nodes: Address[], readonly servers: RedisServer[] }> {
  const { nodes, servers } = await joined(owner, 6, 1, ['--cluster-node-timeout', '500', '--cluster-replica-validity-factor', '0'])
  await Promise.all(servers.map((server) => until(async () => {
    const client = server.client()
    const replication = await client.info('replication')
    client.disconnect()
    return (/role:master/.test(replication) ? /connected_slaves:1/ : /master_link_status:up/).test(replication)
  }, 'the replicas follow')))
  return { nodes, servers }
}

/** A client of three primaries that share the slots. */
export async function startPrimaries (owner: Ending): Promise<Cluster> {
  return (await startShards(owner)).cluster
}

/** Three primaries without replicas; each goes on without the others. */
export async function startShards (owner: Ending): Promise<{ readonly cluster: Cluster, readonly servers: RedisServer[] }> {
  const { nodes, servers } = await joined(owner, 3, 0, ['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'])
  const cluster = new Cluster(nodes)
  cluster.on('error', () => {})
  owner.teardown(() => cluster.disconnect())
  await until(() => cluster.status === 'ready', 'the client knows the cluster')
  return { cluster, servers }
}

async function joined (owner: Ending, count: number, replicas: number, args: readonly string[]) {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis(owner, ['--cluster-enabled', 'yes', ...args])))
  const nodes = servers.map(({ port }) => at(port))
  const { code, stdout, stderr } = await run(['redis-cli', '--cluster', 'create', ...nodes.map(({ host, port }) => `${host}:${port}`), '--cluster-replicas', String(replicas), '--cluster-yes'])
  if (code !== 0) throw new Error(`redis-cli --cluster create: ${stdout} ${stderr}`)
  await Promise.all(servers.map((server) => until(async () => {
    const client = server.client()
    const info = String(await client.cluster('INFO'))
    client.disconnect()
    return /cluster_state:ok/.test(info)
  }, 'the cluster stands')))
  return { nodes, servers }
}
