import { Type, type Static } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { principalOf } from 'fastify-latchkey'

export const Name = Type.String({ minLength: 1, maxLength: 80 })
export const Device = Type.Object({ id: Type.String(), name: Name, status: Type.String() }, { description: 'A device of your workspace.' })
export type Device = Static<typeof Device>

/** Devices in memory. Whoever asks sees those of the key's workspace and environment, and no others. */
export function createDevices () {
  const tenants = new Map<string, Map<string, Device>>()
  let number = 2

  function tenantOf (request: FastifyRequest): Map<string, Device> {
    const { workspace, environment } = principalOf(request)
    const tenant = `${environment}/${workspace}`
    const devices = tenants.get(tenant) ?? new Map([1, 2].map((n) => [`device_${n}`, { id: `device_${n}`, name: `Till ${n} of ${workspace}`, status: 'online' }]))
    tenants.set(tenant, devices)
    return devices
  }

  return function devicesOf (request: FastifyRequest) {
    const devices = tenantOf(request)
    function put (device: Device): Device {
      devices.set(device.id, device)
      return device
    }
    return {
      list: () => [...devices.values()],
      get: (id: string) => devices.get(id),
      add: (name: string) => put({ id: `device_${++number}`, name, status: 'online' }),
      change (id: string, fields: Partial<Device>): Device | undefined {
        const device = devices.get(id)
        return device && put({ ...device, ...fields })
      },
      delete: (id: string) => devices.delete(id)
    }
  }
}
