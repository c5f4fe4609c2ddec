export interface Refusal {
  readonly statusCode: number
  /** Public and constant: it says nothing about the request. */
  readonly message: string
  /** The `error` parameter of the challenge (RFC 6750 §3.1); '' is a challenge without one. */
  readonly challenge?: '' | 'invalid_request' | 'invalid_token' | 'insufficient_scope'
}

/** Every refusal there is, one row each. docs/errors.md explains each code to callers. */
export const refusals = {
  CREDENTIAL_MISSING: { statusCode: 401, challenge: '', message: 'Authentication credentials were not provided.' },
  CREDENTIAL_MALFORMED: {
    statusCode: 400,
    challenge: 'invalid_request',
    message: 'A request must carry one credential, sent once, in the form that its header field requires.'
  },
  CREDENTIAL_INVALID: { statusCode: 401, challenge: 'invalid_token', message: 'The credential is not valid.' },
  INSECURE_TRANSPORT: { statusCode: 403, message: 'This API answers over HTTPS only.' },
  WRONG_ENVIRONMENT: { statusCode: 403, message: 'The credential belongs to another environment.' },
  INSUFFICIENT_SCOPE: {
    statusCode: 403,
    challenge: 'insufficient_scope',
    message: 'The credential lacks a scope that this operation requires.'
  },
  ROUTE_UNDECLARED: { statusCode: 403, message: 'This operation does not declare who may use it.' },
  COST_ABOVE_QUOTA: {
    statusCode: 403,
    message: 'This operation costs more than the quota of its caller; waiting does not help.'
  },
  RATE_LIMITED: { statusCode: 429, message: 'Too many requests; retry later.' },
  TOO_MANY_FAILURES: { statusCode: 429, message: 'Too many failed attempts to authenticate; retry later.' },
  AUTHENTICATION_UNAVAILABLE: {
    statusCode: 503,
    message: 'Authentication is temporarily unavailable; retry after a short backoff.'
  },
  LIMITER_UNAVAILABLE: {
    statusCode: 503,
    message: 'Rate limiting is temporarily unavailable; retry after a short backoff.'
  },
  KEYS_UNAVAILABLE: { statusCode: 503, message: 'Keys are temporarily unavailable; retry after a short backoff.' },
  USAGE_UNAVAILABLE: {
    statusCode: 503,
    message: 'Counts of requests are temporarily unavailable; retry after a short backoff.'
  },
  KEY_INPUT_INVALID: { statusCode: 400, message: 'The description of the key is not valid.' },
  KEY_EXCEEDS_CALLER: {
    statusCode: 403,
    message: 'The key has more than the credential that manages it.'
  },
  KEY_NOT_FOUND: { statusCode: 404, message: 'There is no such key.' },
  KEY_CONFLICT: { statusCode: 409, message: 'The key is not in the state that this change needs.' },
  WEBHOOKS_UNAVAILABLE: {
    statusCode: 503,
    message: 'Webhooks are temporarily unavailable; retry after a short backoff.'
  },
  WEBHOOK_INPUT_INVALID: { statusCode: 400, message: 'The description of the webhook is not valid.' },
  WEBHOOK_NOT_FOUND: { statusCode: 404, message: 'There is no such webhook.' },
  WEBHOOK_CONFLICT: { statusCode: 409, message: 'The webhook is not in the state that this change needs.' },
  CROSS_SITE_REQUEST: { statusCode: 403, message: 'The request was sent by a page of another site.' },
  NOT_FOUND: { statusCode: 404, message: 'There is nothing here.' },
  PAYLOAD_TOO_LARGE: { statusCode: 413, message: 'The body of the request is too large.' },
  UNSUPPORTED_MEDIA_TYPE: { statusCode: 415, message: 'The body of the request must be application/json.' },
  BAD_REQUEST: { statusCode: 400, message: 'The request could not be read.' },
  REQUEST_TIMEOUT: { statusCode: 408, message: 'The request did not arrive in time.' },
  URI_TOO_LONG: { statusCode: 414, message: 'A part of the path is too long.' },
  HEADERS_TOO_LARGE: { statusCode: 431, message: 'The header of the request is too large.' },
  SERVER_FAULT: { statusCode: 500, message: 'The server failed to handle the request.' }
} as const satisfies Record<string, Refusal>

/** Names a refusal for programs; it never changes. */
export type RefusalCode = keyof typeof refusals
