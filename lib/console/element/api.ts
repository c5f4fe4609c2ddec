import { readTrouble, type Trouble } from './trouble.js'

/** As much of `fetch` as the element uses. A host's own adds what its session needs, such as a header. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>

export interface FetchInit {
  method: string
  headers: Record<string, string>
  body?: string
  credentials: Credentials
  cache: 'no-store'
  signal: AbortSignal
}

export interface FetchAnswer {
  readonly status: number
  readonly headers: { get (name: string): string | null }
  text (): Promise<string>
}

/** Whether cookies go along to another origin. */
export type Credentials = 'same-origin' | 'include'

export interface ApiSettings {
  readonly baseUrl: string
  readonly fetch: Fetch
  readonly credentials: Credentials
}

export type Answer<T> = { readonly ok: true, readonly value: T } | { readonly ok: false, readonly trouble: Trouble }

export interface Api {
  /** @param path below the base URL @param query undefined values are left out */
  ask<T> (method: string, path: string, query: Query, body?: object): Promise<Answer<T>>
}

/** Where a person acts; where the server says by default. */
export interface Place {
  readonly workspace?: string | undefined
  readonly environment?: string | undefined
}

type Query = Readonly<Record<string, string | undefined>>

/** Milliseconds after which an answer is not waited for any longer. */
const TIMEOUT_MS = 30_000

/** @param settings asked with each request, since a host may change them */
export function createApi (settings: () => ApiSettings): Api {
  return {
    async ask (method, path, query, body) {
      const { baseUrl, fetch, credentials } = settings()
      const isChange = method !== 'GET'
      try {
        const response = await fetch(baseUrl.replace(/\/+$/, '') + path + queryOf(query), {
          method,
          headers: { accept: 'application/json', ...isChange && { 'content-type': 'application/json' } },
          ...isChange && { body: JSON.stringify(body ?? {}) },
          credentials,
          cache: 'no-store',
          signal: AbortSignal.timeout(TIMEOUT_MS)
        })
        const text = await response.text()
        if (response.status < 200 || response.status > 299) {
          return { ok: false, trouble: readTrouble(response.status, text, response.headers.get('retry-after')) }
        }
        return { ok: true, value: text === '' ? undefined : JSON.parse(text) }
      } catch {
        return { ok: false, trouble: { kind: isChange ? 'unsure' : 'offline' } }
      }
    }
  }
}

function queryOf (query: Query): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value)
  return given.size === 0 ? '' : `?${given}`
}
