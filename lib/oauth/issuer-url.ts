import { Type } from '@sinclair/typebox'
import { allowPlainHttp } from '../auth/index.js'
import { OptionError } from '../core/options.js'

type Transport = { readonly transport?: typeof allowPlainHttp | undefined }

/** Schema of an http or https URL without user information and fragment. */
export const urlSchema = (description: string) =>
  Type.String({ pattern: '^https?://[^\\s/?#@]+([/?][^\\s#]*)?$', description })

/** URLs of an authorization server that may be requested: HTTPS, and plain HTTP where the host allows it by name. */
export function isIssuerUrl (url: string, { transport }: Transport): boolean {
  if (!URL.canParse(url)) return false
  return url.startsWith('https://') || (transport === allowPlainHttp && url.startsWith('http://'))
}

/** @throws OptionError */
export function checkIssuerUrl (url: string, option: string, transport: Transport): void {
  if (isIssuerUrl(url, transport)) return
  throw new OptionError(`option ${option} must be an https URL; ` +
    'for an authorization server on this machine write transport: allowPlainHttp')
}
