import Fastify from 'fastify'
import latchkey, { allowPlainHttp, defineScopes } from 'fastify-latchkey'
import type { LimitStore } from 'fastify-latchkey'
import type { KeysOptions } from 'fastify-latchkey/keys'
import { QUOTA, type Build, type Contender, type Shape } from './contender.js'
import { addRoutes } from './routes.js'

/** Latchkey with keys and counters in memory: environment, scope and policies checked, fields of the current draft. */
export const build: Build = (shape) => buildLatchkey(shape)

/** @param store where counters live; in memory by default @param ring where keys live; likewise */
export async function buildLatchkey ({ keys, routes, scopes: size, policies }: Shape, store?: LimitStore, ring: Partial<KeysOptions> = {}): Promise<Contender> {
  const scopes = defineScopes({ resources: resources(size) })
  const names = [...scopes.names]
  const required = names.slice(0, 10)

  const app = Fastify()
  await app.register(latchkey, {
    scopes,
    environment: 'production',
    keys: { prefix: 'acme', ...ring },
    limits: { store, environments: { production: Array.from({ length: policies }, (_, n) => ({ name: `p${n}`, quota: QUOTA, window: 60 * (n + 1) })) } },
    transport: allowPlainHttp
  })
  addRoutes(app, routes, (n) => ({ schema: scopes.secure(...required.slice(n % required.length).slice(0, 1)) }))
  await app.ready()

  const granted = names.filter((_, n) => n < 10 || n % 10 === 0)
  const texts: string[] = []
  for (let n = 0; n < keys; n++) {
    const { secret: text } = await app.latchkey.keys.issue({ workspace: `workspace-${n % 100}`, environment: 'production', scopes: granted })
    texts.push(text)
  }
  const { secret: weak } = await app.latchkey.keys.issue({ workspace: 'workspace-0', environment: 'production', scopes: names.slice(1, 2) })
  return { app, keys: texts, weak }
}

function resources (scopes: number): Record<string, string[]> {
  return Object.fromEntries(Array.from({ length: scopes / 2 }, (_, n) => [`devices-${n}`, ['read', 'write']]))
}
