import { setTimeout as pause } from 'node:timers/promises'

/** Waits until `holds`, also for what timers bring about that hold up no process. A minute without it means never, on a busy machine too. */
export async function until (holds: () => boolean | Promise<boolean>, what = String(holds)): Promise<void> {
  const end = performance.now() + 60_000
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`)
    await pause(5)
  }
}
