import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { IssueInput } from 'fastify-latchkey'
import type { Storage } from './storage.js'

/** A request for a newcomer to copy. */
export interface Try {
  /** What it shows, such as `list the devices` or `a read key can't create: 403`. */
  readonly shows: string
  /** Name of a demo key; none without it. */
  readonly key?: string
  /** `GET`, or `POST` where there is a body. */
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A server of the examples, not listening yet. */
export interface Example {
  readonly title: string
  readonly app: FastifyInstance
  /** Texts of the demo keys, by a name that says what each may do. */
  readonly keys: Readonly<Record<string, string>>
  readonly tries: readonly Try[]
  /** Path of the page where people manage their keys. */
  readonly settings?: string
  /** Lines for a newcomer, such as a command for another terminal. */
  readonly hints?: readonly string[]
  /** Pages for the browser: paths, or URLs of other servers. */
  readonly pages?: readonly string[]
  /** Where access tokens come from. */
  readonly oauth?: Readonly<Record<string, string>>
  /** Hears of what happens by itself, a line each. */
  readonly news?: (hear: (line: string) => void) => void
}

/** What a test puts in the place of the real world. */
export interface BuildOptions {
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
  readonly logger?: NonNullable<FastifyServerOptions['logger']>
  /** What outlives the process; nothing without it. */
  readonly storage?: Storage
}

/** What every file of the examples exports as `build`. */
export type Build = (options?: BuildOptions) => Promise<Example>

/** To stderr, so that stdout is left to what a newcomer reads. */
export const logger = { level: process.env.LOG_LEVEL ?? 'warn', stream: process.stderr }

/** Issues a demo key for each name that has none from an earlier run. */
export async function issueKeys<N extends string> (app: FastifyInstance, inputs: Readonly<Record<N, IssueInput>>, storage?: Storage): Promise<Record<string, string>> {
  const keys: Record<string, string> = {}
  for (const [name, input] of Object.entries<IssueInput>(inputs)) keys[name] = await storage?.recall(name) ?? (await app.latchkey.keys.issue({ name, ...input })).secret
  storage?.remember(keys)
  return keys
}

/** Examples that `npm start -- NAME` runs. */
const names = ['read-write', 'resource-actions', 'company-tokens', 'tiers-oauth', 'key-types']

/**
 * Runs the example that the command line names, or `build` where it names none.
 * @param url `import.meta.url` of the file that calls; nothing runs where that is not the program itself
 */
export async function main (url: string, build: Build): Promise<void> {
  const [, program = '', name] = process.argv
  if (realpathSync(program) !== fileURLToPath(url)) return
  await choose(name, build).then(run).catch(fail)
}

async function choose (name: string | undefined, build: Build): Promise<Build> {
  if (name === undefined) return build
  if (!names.includes(name)) throw new Error(`there is no example ${JSON.stringify(name)}; npm start runs the devices API, npm start -- NAME one of ${names.join(', ')}`)
  const example: { build: Build } = await import(`./${name}.js`)
  return example.build
}

/** Listens on PORT of this machine alone, prints requests to copy, and a line of JSON last. Ends with code 0 on SIGINT or SIGTERM. */
async function run (build: Build): Promise<void> {
  const port = readPort(process.env.PORT)
  const { title, app, keys, tries, settings, hints = [], pages = [], oauth, news } = await build()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => { app.close().then(() => process.exit(0), fail) })
  }
  const url = await app.listen({ host: '127.0.0.1', port })
  if (settings !== undefined) console.log(`Manage keys in the browser: ${url}${settings}\n`)
  if (hints.length > 0) console.log(`${hints.join('\n')}\n`)
  console.log(`${title}: ${url}\n`)
  for (const page of pages) console.log(`  ${new URL(page, url).href}`)
  for (const one of tries) console.log(`\n# ${one.shows}\n${curl(url, one, keys)}`)
  console.log(`\n${JSON.stringify({ listening: url, keys, oauth })}`)
  news?.((line) => console.log(line))
}

/** Says what is wrong, without a stack trace, and ends with code 1. */
function fail (fault: unknown): never {
  console.error(fault instanceof Error ? explain(fault) : fault)
  process.exit(1)
}

function explain (fault: Error): string {
  const taken = 'code' in fault && fault.code === 'EADDRINUSE'
  return taken ? `${fault.message}; PORT=0 picks a free port` : fault.message
}

export function readPort (text = '3000'): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(`PORT must be a number from 0 (picks one) to 65535, not ${JSON.stringify(text)}`)
  return Number(text)
}

function curl (url: string, { key, method, path, headers = {}, body }: Try, keys: Example['keys']): string {
  const parts = ['curl -i', quote(url + path)]
  if (method === 'HEAD') parts[0] = 'curl -I'
  else if (method !== undefined) parts.push(`-X ${method}`)
  if (key !== undefined) parts.push('-H', quote(`Authorization: Bearer ${keys[key] ?? key}`))
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quote(`${name}: ${value}`))
  if (body !== undefined) parts.push('-H', quote('Content-Type: application/json'), '-d', quote(JSON.stringify(body)))
  return parts.join(' ')
}

function quote (text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
