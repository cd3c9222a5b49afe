/*
 * A network path between two network namespaces, in user space.
 *
 * One TUN device in each namespace; what one of them sends is read here, delayed and written to the other. A direction
 * has a bottleneck (serialisation at a rate, drop-tail queue), propagation delay, jitter, loss (independent or in
 * bursts), late packets and copies. "up" goes from the client's namespace to the server's, "down" back.
 *
 * What happens to a packet, in this order: outage, room in the queue, its turn on the bottleneck, the draw of loss (a
 * packet that is lost has used link time, as on radio), delay and jitter, out.
 *
 * Commands on stdin, one per line: "stats" prints a line of JSON; "outage MS" takes the path down now, for so long:
 * what waits in the queue goes with it. The end of stdin ends the emulator. Times in the JSON are CLOCK_MONOTONIC in
 * ms, which is also what process.hrtime() reads.
 *
 * One thread, of real-time priority where that is allowed; under load it wakes once per QUANTUM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL
#define SECOND 1000000000LL
#define QUANTUM 100000LL /* ns */
#define PACKETS 65536
#define ROOM 1536 /* bytes for a packet */
#define BATCH 256
#define TRIES 64
/* Longer than an ACK and than a probe: a packet with data. */
#define DATA 200
/* After this long without a packet a burst of losses is over. */
#define BURST_SILENCE (100 * MS)
/* What is sent this long after the last was sent for a reason of its own. */
#define TRY_GAP (20 * MS)

static void die(const char *what)
{
	fprintf(stderr, "emulator: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- random numbers: splitmix64, a stream for each direction and purpose ---- */

static double draw(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* ---- packets ---- */

static uint8_t *store;
static uint16_t length[PACKETS];
static uint8_t holders[PACKETS];
static uint32_t spare[PACKETS], spares;

static uint8_t *bytes_of(uint32_t packet) { return store + (size_t)packet * ROOM; }

/* A packet under way. `departs`: when the bottleneck has sent it. */
struct transit {
	int64_t due, departs;
	uint64_t order;
	uint32_t packet;
};

struct departure {
	int64_t at;
	uint32_t bytes;
};

struct direction {
	const char *name;
	/* ---- how it is ---- */
	double rate;                                    /* Mbit/s; 0: without limit */
	double delay, jitter, jitter_period;            /* ms; period 0: drawn for each packet, which reorders */
	double loss, late, late_ms, duplicate;          /* shares; `late_ms` ms */
	double burst_start, burst_end;                  /* chance per packet; start < 0: no bursts */
	int64_t queue_bytes;                            /* 0: without limit */
	/* ---- how it stands ---- */
	uint64_t loss_draws, jitter_draws, other_draws;
	int64_t free_at, last_due, drawn_at;
	int in_burst;
	int64_t jitter_from;
	double jitter_before, jitter_after;             /* ms */
	struct departure queue[PACKETS];                /* a ring */
	uint32_t queue_first, queue_count;
	int64_t queued_bytes, most_queued;
	struct transit heap[2 * PACKETS];               /* copies too */
	uint32_t under_way;
	uint64_t order;
	int64_t held_bytes;
	/* ---- what it counts ---- */
	uint64_t in_packets, in_bytes, out_packets, out_bytes, lost_queue, lost_random, lost_outage, late_packets, copies;
	int64_t lag_sum, lag_most;
};

static struct direction up = { .name = "up" }, down = { .name = "down" };

static struct {
	int64_t from, until;                            /* ns */
	int64_t tries[TRIES];                           /* ns after `from` */
	int try_count;
	int64_t last_data;
	int64_t carried_at;                             /* the first data after it that was not lost */
} outage;

static int is_out(int64_t t) { return t >= outage.from && t < outage.until; }

static int before(const struct transit *a, const struct transit *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void heap_push(struct direction *d, struct transit entry)
{
	uint32_t i = d->under_way++;
	for (uint32_t parent; i > 0 && before(&entry, &d->heap[parent = (i - 1) / 2]); i = parent) d->heap[i] = d->heap[parent];
	d->heap[i] = entry;
	d->held_bytes += length[entry.packet];
}

static struct transit heap_pop(struct direction *d)
{
	struct transit top = d->heap[0], last = d->heap[--d->under_way];
	uint32_t i = 0;
	for (uint32_t child; (child = 2 * i + 1) < d->under_way; i = child) {
		if (child + 1 < d->under_way && before(&d->heap[child + 1], &d->heap[child])) child++;
		if (before(&last, &d->heap[child])) break;
		d->heap[i] = d->heap[child];
	}
	d->heap[i] = last;
	d->held_bytes -= length[top.packet];
	return top;
}

static void release(uint32_t packet)
{
	if (holders[packet] > 0) holders[packet]--;
	if (holders[packet] == 0) spare[spares++] = packet;
}

/* ---- the stages of a direction ---- */

static void queue_leave(struct direction *d, int64_t now)
{
	while (d->queue_count > 0 && d->queue[d->queue_first].at <= now) {
		d->queued_bytes -= d->queue[d->queue_first].bytes;
		d->queue_first = (d->queue_first + 1) % PACKETS;
		d->queue_count--;
	}
}

/* When the bottleneck will have sent `bytes`; -1: the queue is full. */
static int64_t bottleneck(struct direction *d, uint32_t bytes, int64_t now)
{
	if (d->rate <= 0) return now;
	queue_leave(d, now);
	if ((d->queue_bytes > 0 && d->queued_bytes + bytes > d->queue_bytes) || d->queue_count == PACKETS) return -1;
	d->free_at = (d->free_at > now ? d->free_at : now) + (int64_t)(bytes * 8000.0 / d->rate);
	d->queue[(d->queue_first + d->queue_count++) % PACKETS] = (struct departure){ d->free_at, bytes };
	d->queued_bytes += bytes;
	if (d->queued_bytes > d->most_queued) d->most_queued = d->queued_bytes;
	return d->free_at;
}

/* A burst goes on from packet to packet, and yet not over a silence: one retransmission after the other would be lost. */
static int is_lost(struct direction *d, int64_t now)
{
	if (d->burst_start < 0) return d->loss > 0 && draw(&d->loss_draws) < d->loss;
	if (now - d->drawn_at > BURST_SILENCE) d->in_burst = 0;
	d->drawn_at = now;
	double chance = draw(&d->loss_draws);
	if (d->in_burst ? chance < d->burst_end : chance < d->burst_start) d->in_burst = !d->in_burst;
	return d->in_burst;
}

static double jitter_draw(struct direction *d) { return (draw(&d->jitter_draws) * 2 - 1) * d->jitter; }

/* ms; with a period it goes in straight lines from one drawn value to the next. */
static double jitter_at(struct direction *d, int64_t now)
{
	if (d->jitter <= 0) return 0;
	if (d->jitter_period <= 0) return jitter_draw(d);
	int64_t period = (int64_t)(d->jitter_period * MS);
	if (now - d->jitter_from > 64 * period) d->jitter_from = now - period;
	for (; now - d->jitter_from >= period; d->jitter_from += period) {
		d->jitter_before = d->jitter_after;
		d->jitter_after = jitter_draw(d);
	}
	return d->jitter_before + (d->jitter_after - d->jitter_before) * (double)(now - d->jitter_from) / (double)period;
}

static int64_t arrival(struct direction *d, int64_t departs, int64_t now)
{
	int64_t due = departs + (int64_t)((d->delay + jitter_at(d, now)) * MS);
	if (due < departs) due = departs;
	if (d->late > 0 && draw(&d->other_draws) < d->late) {
		d->late_packets++;
		return due + (int64_t)(d->late_ms * MS);
	}
	if (d->jitter_period > 0 && due < d->last_due) due = d->last_due;
	if (due > d->last_due) d->last_due = due;
	return due;
}

static void note_try(int64_t now)
{
	if (now - outage.last_data > TRY_GAP && outage.try_count < TRIES) outage.tries[outage.try_count++] = now - outage.from;
	outage.last_data = now;
}

/* A packet has come in; it is ours from here on. */
static void accept_packet(struct direction *d, uint32_t packet, int64_t now)
{
	uint32_t bytes = length[packet];
	int has_data = d == &up && bytes > DATA;
	d->in_packets++;
	d->in_bytes += bytes;
	holders[packet] = 0;
	if (has_data && is_out(now)) note_try(now);
	if (is_out(now)) {
		d->lost_outage++;
		release(packet);
		return;
	}
	int64_t departs = bottleneck(d, bytes, now);
	if (departs < 0) {
		d->lost_queue++;
		release(packet);
		return;
	}
	if (is_lost(d, now)) {
		d->lost_random++;
		release(packet);
		return;
	}
	if (has_data && outage.carried_at == 0 && outage.until > 0) outage.carried_at = now;
	struct transit entry = { arrival(d, departs, now), departs, d->order++, packet };
	holders[packet] = 1;
	if (d->duplicate > 0 && draw(&d->other_draws) < d->duplicate) {
		holders[packet] = 2;
		d->copies++;
		heap_push(d, entry);
		entry.order = d->order++;
	}
	heap_push(d, entry);
}

static int take(struct direction *d, int device, int64_t now)
{
	int taken = 0;
	for (; taken < BATCH && spares > 0; taken++) {
		uint32_t packet = spare[spares - 1];
		ssize_t got = read(device, bytes_of(packet), ROOM);
		if (got <= 0) break;
		spares--;
		length[packet] = (uint16_t)got;
		accept_packet(d, packet, now);
		if ((taken & 15) == 15) now = now_ns();
	}
	return taken;
}

/* Half a quantum early is as good as half a quantum late: the mean error is nil. */
static int deliver(struct direction *d, int device, int64_t now)
{
	int64_t early = d->delay * MS > QUANTUM ? QUANTUM / 2 : 0;
	int delivered = 0;
	while (delivered < BATCH && d->under_way > 0 && d->heap[0].due <= now + early) {
		struct transit entry = heap_pop(d);
		int64_t lag = now > entry.due ? now - entry.due : 0;
		d->lag_sum += lag;
		if (lag > d->lag_most) d->lag_most = lag;
		if (is_out(entry.departs)) d->lost_outage++;
		else if (write(device, bytes_of(entry.packet), length[entry.packet]) >= 0) {
			d->out_packets++;
			d->out_bytes += length[entry.packet];
		}
		release(entry.packet);
		if ((++delivered & 31) == 0) now = now_ns();
	}
	return delivered;
}

/* ---- commands ---- */

static void begin_outage(double ms)
{
	int64_t now = now_ns();
	memset(&outage, 0, sizeof outage);
	outage.from = now;
	outage.until = now + (int64_t)(ms * MS);
	outage.last_data = now;
	for (int i = 0; i < 2; i++) {
		struct direction *d = i ? &down : &up;
		queue_leave(d, now);
		d->queue_count = 0;
		d->queued_bytes = 0;
		d->free_at = now;
	}
}

static void print_direction(const struct direction *d)
{
	printf("\"%s\":{\"inPackets\":%llu,\"inBytes\":%llu,\"outPackets\":%llu,\"outBytes\":%llu,\"heldBytes\":%lld,"
		"\"lostQueue\":%llu,\"lostRandom\":%llu,\"lostOutage\":%llu,\"latePackets\":%llu,\"copies\":%llu,"
		"\"mostQueued\":%lld,\"lagMeanMs\":%.4f,\"lagMostMs\":%.4f},",
		d->name, (unsigned long long)d->in_packets, (unsigned long long)d->in_bytes, (unsigned long long)d->out_packets,
		(unsigned long long)d->out_bytes, (long long)d->held_bytes, (unsigned long long)d->lost_queue,
		(unsigned long long)d->lost_random, (unsigned long long)d->lost_outage, (unsigned long long)d->late_packets,
		(unsigned long long)d->copies, (long long)d->most_queued,
		d->out_packets ? (double)d->lag_sum / MS / (double)d->out_packets : 0, (double)d->lag_most / MS);
}

static void print_stats(void)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	printf("{");
	print_direction(&up);
	print_direction(&down);
	printf("\"cpuSeconds\":%.3f,\"outage\":{\"from\":%.3f,\"until\":%.3f,\"carriedAt\":%.3f,\"tries\":[",
		(double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6,
		(double)outage.from / MS, (double)outage.until / MS, (double)outage.carried_at / MS);
	for (int i = 0; i < outage.try_count; i++) printf("%s%.3f", i ? "," : "", (double)outage.tries[i] / MS);
	printf("]}}\n");
	fflush(stdout);
}

/* 0: there will be no more. */
static int read_commands(void)
{
	static char text[256];
	static size_t held;
	ssize_t got = read(STDIN_FILENO, text + held, sizeof text - 1 - held);
	if (got <= 0) return 0;
	held += (size_t)got;
	text[held] = 0;
	char *line = text;
	for (char *end; (end = strchr(line, '\n')); line = end + 1) {
		double ms;
		*end = 0;
		if (!strcmp(line, "stats")) print_stats();
		else if (sscanf(line, "outage %lf", &ms) == 1) begin_outage(ms);
		else fprintf(stderr, "emulator: no such command: %s\n", line);
	}
	held -= (size_t)(line - text);
	memmove(text, line, held);
	return held < sizeof text - 1;
}

/* ---- start ---- */

static void usage(void)
{
	fprintf(stderr,
		"usage: emulator --server NAMESPACE --client NAMESPACE [--device NAME] [--seed N] [option]...\n"
		"options of both directions, or as --up-OPTION and --down-OPTION of one:\n"
		"  --rate MBIT  --delay MS  --jitter MS  --jitter-period MS  --loss PERCENT  --burst-loss PERCENT,MEAN-LENGTH\n"
		"  --queue-bytes N  --late PERCENT,MS  --duplicate PERCENT\n");
	exit(2);
}

static void two(const char *text, double *a, double *b)
{
	if (sscanf(text, "%lf,%lf", a, b) != 2) usage();
}

static void set_option(struct direction *d, const char *name, const char *value)
{
	double number = atof(value);
	if (!strcmp(name, "rate")) d->rate = number;
	else if (!strcmp(name, "delay")) d->delay = number;
	else if (!strcmp(name, "jitter")) d->jitter = number;
	else if (!strcmp(name, "jitter-period")) d->jitter_period = number;
	else if (!strcmp(name, "loss")) d->loss = number / 100;
	else if (!strcmp(name, "queue-bytes")) d->queue_bytes = (int64_t)number;
	else if (!strcmp(name, "duplicate")) d->duplicate = number / 100;
	else if (!strcmp(name, "late")) {
		two(value, &d->late, &d->late_ms);
		d->late /= 100;
	} else if (!strcmp(name, "burst-loss")) {
		double percent, mean;
		two(value, &percent, &mean);
		if (percent <= 0 || percent >= 100 || mean < 1) usage();
		/* the chain of Gilbert and Elliott: everything is lost in a burst, nothing outside */
		d->burst_end = 1 / mean;
		d->burst_start = d->burst_end * percent / (100 - percent);
	} else usage();
}

static int open_device(const char *namespace, const char *name, int home)
{
	char path[256];
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	snprintf(path, sizeof path, "/run/netns/%s", namespace);
	int there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0) die(path);
	if (setns(there, CLONE_NEWNET)) die("setns");
	close(there);
	int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (device < 0) die("/dev/net/tun");
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(device, TUNSETIFF, &request)) die("TUNSETIFF");
	if (setns(home, CLONE_NEWNET)) die("setns");
	return device;
}

/*
 * SCHED_DEADLINE rather than SCHED_FIFO: against the latter, kernels from 6.12 on hand the CPU to ordinary tasks for
 * 50 ms at a time, and packets sit in the device's queue meanwhile.
 */
static void become_real_time(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} wanted = { .size = 48, .policy = 6, .runtime = 700000, .deadline = 1000000, .period = 1000000 };
	struct sched_param fifo = { .sched_priority = 10 };
	if (syscall(SYS_sched_setattr, 0, &wanted, 0) && sched_setscheduler(0, SCHED_FIFO, &fifo))
		fprintf(stderr, "emulator: no real-time priority: delays are less exact\n");
}

static void forward(int client, int server)
{
	for (;;) {
		int64_t woke = now_ns();
		int moved = take(&up, client, woke) + take(&down, server, woke);
		int64_t now = now_ns();
		moved += deliver(&up, server, now) + deliver(&down, client, now);
		struct pollfd ready[3] = { { STDIN_FILENO, POLLIN, 0 }, { client, POLLIN, 0 }, { server, POLLIN, 0 } };
		int64_t next = moved ? woke + QUANTUM : now + SECOND;
		if (!moved && up.under_way > 0 && up.heap[0].due < next) next = up.heap[0].due;
		if (!moved && down.under_way > 0 && down.heap[0].due < next) next = down.heap[0].due;
		int64_t wait = next - now_ns();
		if (wait < 0) wait = 0;
		struct timespec timeout = { wait / SECOND, wait % SECOND };
		/* after work it sleeps out the quantum: only a command may end that early */
		ppoll(ready, moved || spares == 0 ? 1 : 3, &timeout, 0);
		if (ready[0].revents && !read_commands()) return;
	}
}

int main(int count, char **words)
{
	const char *server = 0, *client = 0, *device = "path0";
	uint64_t seed = 1;
	up.burst_start = down.burst_start = -1;
	up.jitter_period = down.jitter_period = 10;
	for (int i = 1; i < count; i += 2) {
		const char *name = words[i], *value = words[i + 1];
		if (strncmp(name, "--", 2) || i + 1 >= count) usage();
		name += 2;
		if (!strcmp(name, "server")) server = value;
		else if (!strcmp(name, "client")) client = value;
		else if (!strcmp(name, "device")) device = value;
		else if (!strcmp(name, "seed")) seed = strtoull(value, 0, 10);
		else if (!strncmp(name, "up-", 3)) set_option(&up, name + 3, value);
		else if (!strncmp(name, "down-", 5)) set_option(&down, name + 5, value);
		else {
			set_option(&up, name, value);
			set_option(&down, name, value);
		}
	}
	if (!server || !client) usage();
	for (int i = 0; i < 2; i++) {
		struct direction *d = i ? &down : &up;
		uint64_t *streams[] = { &d->loss_draws, &d->jitter_draws, &d->other_draws };
		for (int k = 0; k < 3; k++) {
			*streams[k] = seed * 1000003 + (uint64_t)(i * 7919 + k + 1);
			for (int n = 0; n < 4; n++) draw(streams[k]);
		}
	}
	store = mmap(0, (size_t)PACKETS * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (store == MAP_FAILED) die("memory");
	while (spares < PACKETS) {
		spare[spares] = PACKETS - 1 - spares;
		spares++;
	}
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0) die("the own namespace");
	int to_server = open_device(server, device, home), to_client = open_device(client, device, home);
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	become_real_time();
	printf("ready\n");
	fflush(stdout);
	forward(to_client, to_server);
	return 0;
}
