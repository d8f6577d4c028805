// Serve dynalite on a free loopback port until standard input closes; the port is the first line printed.
// Its own command listens on every interface and cannot choose a free port.
// Use: node serve_dynalite.js FOLDER-OF-node_modules
'use strict'

const { createRequire } = require('module')
const dynalite = createRequire(process.argv[2] + '/')('dynalite')

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.keepAliveTimeout = 600000
server.listen(0, '127.0.0.1', () => process.stdout.write(server.address().port + '\n'))
process.stdin.on('end', () => process.exit(0)).resume()
