const rooms = {}
for (const room of ['keys/postgres', 'keys/redis', 'limits/redis', 'oauth', 'oauth/redis', 'webhooks', 'webhooks/postgres', 'webhooks/redis', 'webhooks/bullmq']) {
  rooms[room] = Object.keys(await import(`fastify-latchkey/${room}`)).sort()
}
console.log(JSON.stringify(rooms))
