// The real servers, as Debian packages them: how each is started without touching what this machine may run of it.
import { join } from 'node:path'
import process from 'node:process'
import type { Recipe } from '../../examples/servers/daemon.js'
import { MOSQUITTO } from '../../examples/servers/mosquitto.js'
import { POSTGRESQL } from '../../examples/servers/postgresql.js'
import { CERTIFICATE, KEY } from '../support/certificate.js'

export { MOSQUITTO, POSTGRESQL }

const TLS_FILES = { 'certificate.pem': CERTIFICATE, 'key.pem': KEY }

/** Its TLS has the certificate of test/support. */
export const POSTGRESQL_TLS: Recipe = {
  ...POSTGRESQL,
  files: () => TLS_FILES,
  arguments: (port, folder) => [
    ...POSTGRESQL.arguments(port, folder),
    ...['-c', 'ssl=on', '-c', `ssl_key_file=${folder}/key.pem`, '-c', `ssl_cert_file=${folder}/certificate.pem`],
  ],
}

/** With the user `tester`, password `secret`, and the database `test`. */
export const MARIADB: Recipe = {
  program: 'mariadbd',
  debian: 'mariadb-server',
  ready: /ready for connections/,
  files: () => ({
    ...TLS_FILES,
    'first.sql':
      "CREATE DATABASE test;\nCREATE USER tester@'127.0.0.1' IDENTIFIED BY 'secret';\nGRANT ALL ON test.* TO tester@'127.0.0.1';\n",
  }),
  before: (folder) => [
    [
      'mariadb-install-db',
      '--no-defaults',
      `--datadir=${folder}/data`,
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
    ],
  ],
  arguments: (port, folder) => [
    '--no-defaults',
    `--datadir=${folder}/data`,
    `--socket=${folder}/socket`,
    `--pid-file=${folder}/pid`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--innodb-flush-log-at-trx-commit=0',
    `--init-file=${folder}/first.sql`,
    `--ssl-key=${folder}/key.pem`,
    `--ssl-cert=${folder}/certificate.pem`,
  ],
}

export const REDIS: Recipe = {
  program: 'redis-server',
  debian: 'redis-server',
  ready: /[Rr]eady to accept connections/,
  arguments: (port) => ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
}

/** Lets in whoever runs the tests, with the key `client` in its folder. */
export const SSHD: Recipe = {
  program: 'sshd',
  debian: 'openssh-server',
  ready: /Server listening on/,
  asCaller: true,
  files: () => ({ sshd_config: '' }),
  before: (folder) => [
    ...['host', 'client'].map((name) => ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]),
    ...(process.getuid?.() === 0 ? [['mkdir', '-p', '-m', '0755', '/run/sshd']] : []), // root's insists on it
  ],
  arguments: (port, folder) => {
    const settings = {
      ListenAddress: '127.0.0.1',
      Port: port,
      HostKey: join(folder, 'host'),
      AuthorizedKeysFile: join(folder, 'client.pub'),
      PidFile: 'none',
      StrictModes: 'no',
      UsePAM: 'no',
      PermitRootLogin: 'yes',
      Subsystem: 'sftp internal-sftp',
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    return ['-D', '-e', '-f', join(folder, 'sshd_config'), ...flags]
  },
}

/** Of Erlang, which needs two ports more: far from those that the machine hands out. */
const erlangPort = (port: number, which: 0 | 1): number => 10_000 + ((2 * port + which) % 20_000)

/** With the user `guest`, password `guest`. */
export const RABBITMQ: Recipe = {
  program: 'rabbitmq-server',
  debian: 'rabbitmq-server',
  ready: /completed with \d+ plugins|Server startup complete/,
  arguments: () => [],
  after: (port) => [['epmd', '-port', String(erlangPort(port, 0)), '-kill']],
  environment: (port, folder) => ({
    RUNNING_UNDER_SYSTEMD: 'true', // no shell in between
    RABBITMQ_NODENAME: `test${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(erlangPort(port, 1)),
    ERL_EPMD_PORT: String(erlangPort(port, 0)),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONFIG_FILE: join(folder, 'none'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
  }),
}

/** Puts all mail into the file `mail` of its folder; offers STARTTLS with a certificate that it makes itself. */
export const EXIM: Recipe = {
  program: 'exim4',
  debian: 'exim4-daemon-light',
  ready: /listening for SMTP/,
  files: (folder) => ({
    'exim.conf': `spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
primary_hostname = localhost
exim_user = nobody
exim_group = nogroup
never_users =
deliver_drop_privilege
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin acl
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = ${folder}/mail
  use_lockfile = false
  lock_fcntl_timeout = 10s
  user = nobody
`,
  }),
  arguments: (port, folder) => ['-C', join(folder, 'exim.conf'), '-bdf', '-d', '-oX', `127.0.0.1.${port}`],
}

export const IPERF3: Recipe = {
  program: 'iperf3',
  debian: 'iperf3',
  ready: /Server listening on/,
  arguments: (port) => ['-s', '-B', '127.0.0.1', '-p', String(port), '--forceflush'],
}

export const ALL: readonly Recipe[] = [POSTGRESQL, MARIADB, REDIS, MOSQUITTO, SSHD, RABBITMQ, EXIM, IPERF3]
