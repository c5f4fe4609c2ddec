import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from '@sinclair/typebox'
import { findContext } from '../core/access-context.js'
import { withTimeout } from '../core/clock.js'
import { describeFault } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import { isPrincipal, type Principal } from '../core/principal.js'
import { writeLog } from '../core/write-log.js'
import { readElement, sendAsset, styleOf } from './assets.js'
import { english, type Strings } from './element/strings.js'
import { noticeHtml, PAGE_STYLE, pageHtml, type Page } from './page-html.js'
import { relativeUrl } from './relative-url.js'

export interface SettingsPageOptions {
  /** Path of `keyRoutes` on this server, such as `/settings/api-keys`. */
  keys: string
  /** Path of `webhookRoutes` on this server, such as `/settings/webhooks`: a second tab; none without it. */
  webhooks?: string | undefined
  /** Who is signed in, as in `keyRoutes`; null is nobody. Has one second to answer. */
  session: (request: FastifyRequest) => Principal | null | Promise<Principal | null>
  /** Title of the page; `Settings` by default. */
  title?: string | undefined
  /** Path of the page where people sign in; without one, whoever is signed out reads that they must sign in. */
  signIn?: string | undefined
  /** Path of the link by which people sign out; no link without it. */
  signOut?: string | undefined
  /** Texts in the place of the English ones. */
  strings?: Partial<Strings> | undefined
  /** Path of a style sheet of yours, such as one that sets `--latchkey-accent`. */
  stylesheet?: string | undefined
  /** Language of the page and its dates (BCP 47); `en` by default. */
  lang?: string | undefined
}

const path = (description: string) => Type.String({ pattern: '^/', description })
const text = Type.String({ minLength: 1, description: 'text' })
const strings = Object.fromEntries(Object.keys(english).map((name) => [name, Type.Optional(Type.String())]))
const strict = { additionalProperties: false, description: '{ title: \'API tokens\' }' }
const optionsSchema = Type.Object({
  keys: path('the path of keyRoutes, such as \'/settings/api-keys\''),
  webhooks: Type.Optional(path('the path of webhookRoutes, such as \'/settings/webhooks\'')),
  session: Type.Function([], Type.Unknown(), { description: 'a function of the request' }),
  title: Type.Optional(text),
  signIn: Type.Optional(path('a path, such as \'/sign-in\'')),
  signOut: Type.Optional(path('a path, such as \'/sign-out\'')),
  strings: Type.Optional(Type.Object(strings, strict)),
  stylesheet: Type.Optional(path('a path, such as \'/brand.css\'')),
  lang: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$', description: 'a language tag' })),
  prefix: Type.Optional(Type.Unknown()),
  logLevel: Type.Optional(Type.Unknown()),
  logSerializers: Type.Optional(Type.Unknown())
}, { additionalProperties: false })

/** No script or style but those of this server, no request to another, no frame around it, no text as markup. */
const CONTENT_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types lit-html"

const PAGE_HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  'cache-control': 'no-store',
  'content-type': 'text/html; charset=utf-8',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff'
}

/** Of files whose names change with their content. */
const FOR_GOOD = 'public, max-age=31536000, immutable'

/** Seconds within which the host's session must answer. */
const SESSION_TIMEOUT = 1

/**
 * Public for the guard of Latchkey: the session of the host decides, and the page itself holds no data. Whoever is
 * signed in is not counted by address.
 */
const schema = { security: [], 'x-rate-limit': { anonymous: false }, hide: true }

/** Counts whom the session does not know by address. True where that refused the request. */
async function refuseStranger (request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
  const context = findContext(request.server)
  const limited = await context?.limitAnonymous?.(request, reply, context.accessOf(request))
  if (limited === undefined) return false
  context?.refuse(request, reply, limited)
  return true
}

/**
 * A page on which people of your session manage the keys of their workspace:
 *
 * ```ts
 * await app.register(keyRoutes, { prefix: '/settings/api-keys', session: whoIsSignedIn })
 * await app.register(settingsPage, { prefix: '/settings', keys: '/settings/api-keys', session: whoIsSignedIn })
 * ```
 *
 * It has a strict content security policy, and works behind a proxy that adds a prefix.
 *
 * @throws OptionError at boot
 */
export async function settingsPage (app: FastifyInstance, options: SettingsPageOptions): Promise<void> {
  checkOptions(optionsSchema, options, 'settingsPage')
  const { keys, webhooks, session, signIn, signOut, stylesheet } = options
  const { title = 'Settings', strings = {}, lang = 'en' } = options
  const { script, map } = readElement()
  const style = styleOf(PAGE_STYLE)
  const from = `${app.prefix}/`
  const to = (path: string) => relativeUrl(from, path)
  const leave = signOut === undefined ? undefined : to(signOut)
  const styles = [style.name, ...stylesheet === undefined ? [] : [to(stylesheet)]]
  const texts = { ...english, ...strings }
  const look = { title, lang, styles, signOut: leave, texts }
  const attributes = {
    ...signIn !== undefined && { 'sign-in-url': to(signIn) },
    ...Object.keys(strings).length > 0 && { strings: JSON.stringify(strings) }
  }

  function pageOf (person: string | undefined, query: URLSearchParams): Page {
    const isWebhooks = webhooks !== undefined && query.get('tab') === 'webhooks'
    const path = isWebhooks ? webhooks : keys
    return {
      ...look,
      script: script.name,
      element: isWebhooks ? 'latchkey-webhooks' : 'latchkey-keys',
      attributes: { 'base-url': to(path), ...Object.fromEntries(pick(query, PLACE)), ...attributes },
      tabs: webhooks === undefined
        ? []
        : [
            { label: texts.title, href: `./${textOf(pick(query, PLACE))}`, isCurrent: !isWebhooks },
            {
              label: texts.webhooks,
              href: `./${textOf([['tab', 'webhooks'], ...pick(query, PLACE)])}`,
              isCurrent: isWebhooks
            }
          ],
      person
    }
  }

  function refuse (reply: FastifyReply, status: number, text: string): FastifyReply {
    return reply.code(status).headers(PAGE_HEADERS).send(noticeHtml(look, text))
  }

  app.get('/', { schema }, async (request, reply) => {
    const [path = '', search = ''] = request.url.split('?')
    const query = new URLSearchParams(search)
    // References of the page are relative to its folder.
    if (!path.endsWith('/')) {
      const folder = path.slice(path.lastIndexOf('/') + 1)
      // Without the dot, a folder that a parameter of the prefix names could be read as a scheme, or as a host.
      return reply.redirect(`./${folder}/${textOf(pick(query, ['tab', ...PLACE]))}`, 308)
    }
    const asked = withTimeout((async () => await session(request))(), SESSION_TIMEOUT, 'option session')
    const [found] = await Promise.allSettled([asked])
    if (found.status === 'fulfilled' && isPrincipal(found.value)) {
      return reply.headers(PAGE_HEADERS).send(pageHtml(pageOf(found.value.owner, query)))
    }
    if (await refuseStranger(request, reply)) return reply
    if (found.status === 'rejected') {
      const reason = describeFault(found.reason)
      const message = 'settingsPage: the session of the host failed'
      writeLog(() => request.log.error({ reason }, message), message)
      return refuse(reply.header('retry-after', '1'), 503, texts.pageUnavailable)
    }
    if (signIn !== undefined) return reply.header('cache-control', 'no-store').redirect(to(signIn), 303)
    return refuse(reply, 401, texts.signInFirst)
  })

  for (const asset of [script, map, style]) {
    app.get(`/${asset.name}`, { schema }, (request, reply) => sendAsset(request, reply, asset, FOR_GOOD))
  }
}

/** Where a person acts, as the element keeps it in the URL of the page. */
const PLACE = ['workspace', 'environment'] as const

type Parameters = Array<[name: string, value: string]>

function pick (query: URLSearchParams, names: readonly string[]): Parameters {
  return [...query].filter(([name]) => names.includes(name))
}

function textOf (parameters: Parameters): string {
  const search = new URLSearchParams(parameters)
  return search.size === 0 ? '' : `?${search}`
}
