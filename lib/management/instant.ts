/**
 * Reads an RFC 3339 date-time whose form its schema has checked.
 * @returns undefined where there is no such day or time, such as 30 February, which `Date` would take for 2 March
 */
export function readInstant (text: string): Date | undefined {
  const [day, hour] = [text.slice(0, 10), text.slice(11, 13)]
  const midnight = new Date(`${day}T00:00:00Z`)
  const instant = new Date(text)
  if (Number.isNaN(midnight.getTime()) || Number.isNaN(instant.getTime())) return undefined
  return hour !== '24' && midnight.toISOString().startsWith(day) ? instant : undefined
}
