/** Two companies, each a workspace of the API, with what they pay for. */
export const companies: Readonly<Record<string, { readonly tier: string }>> = {
  acme: { tier: 'pro' },
  globex: { tier: 'free' }
}

export interface User { readonly name: string, readonly company: string, readonly password: string }

/** Demo users by their name at sign-in. */
export const users: ReadonlyMap<string, User> = new Map([
  ['ada', { name: 'Ada', company: 'acme', password: 'demo-ada' }],
  ['grace', { name: 'Grace', company: 'globex', password: 'demo-grace' }]
])
