// The door `./http`: agents and servers of node:http, https and http2, and TLS, over our sockets.
export { createHttpAgent, createHttpsAgent, type HttpAgentOptions, type HttpsAgentOptions } from './agents.js'
export { serve, type Upper } from './serve.js'
export { connectTls, type TlsConnectOptions } from './tls.js'
