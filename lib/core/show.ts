/** Describes a value in a message, in at most 60 characters. */
export function show (value: unknown): string {
  const text = textOf(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function textOf (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  return value instanceof Date ? 'a Date' : `an object with ${Object.keys(value).join(', ') || 'nothing in it'}`
}
