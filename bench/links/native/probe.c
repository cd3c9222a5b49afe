/*
 * The round trip of a path while others load it.
 *   probe echo ADDRESS PORT                            sends back whatever comes
 *   probe trip ADDRESS PORT COUNT INTERVAL-MS BYTES    prints a line of JSON when all are back, or 1.5 s after the last
 * Both have real-time priority where that is allowed: the path is measured, not the wait for a CPU.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define PATIENCE 1500000000LL /* ns */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int socket_at(const char *address, const char *port, struct sockaddr_in *at)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	if (s < 0) die("socket");
	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	if (inet_pton(AF_INET, address, &at->sin_addr) != 1) die(address);
	return s;
}

static void echo(const char *address, const char *port)
{
	static uint8_t bytes[65536];
	struct sockaddr_in at, from;
	int s = socket_at(address, port, &at);
	if (bind(s, (void *)&at, sizeof at)) die("bind");
	for (;;) {
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(s, bytes, sizeof bytes, 0, (void *)&from, &size);
		if (got > 0) sendto(s, bytes, (size_t)got, 0, (void *)&from, size);
	}
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static int trip(const char *address, const char *port, int count, double interval, size_t size)
{
	static uint8_t bytes[65536];
	struct sockaddr_in to;
	int s = socket_at(address, port, &to), sent = 0, back = 0;
	int64_t *trips = calloc((size_t)count, sizeof *trips);
	if (!trips || connect(s, (void *)&to, sizeof to)) die("connect");
	int64_t next = now_ns(), last = next;
	while (back < count && (sent < count || now_ns() - last < PATIENCE)) {
		int64_t now = now_ns();
		if (sent < count && now >= next) {
			memcpy(bytes, &now, sizeof now);
			send(s, bytes, size, 0);
			sent++;
			next += (int64_t)(interval * 1e6);
			last = now;
		}
		int64_t wait = sent < count ? next - now_ns() : SECOND / 10;
		struct timespec timeout = { wait > 0 ? wait / SECOND : 0, wait > 0 ? wait % SECOND : 0 };
		struct pollfd ready = { s, POLLIN, 0 };
		if (ppoll(&ready, 1, &timeout, 0) <= 0) continue;
		while (back < count && recv(s, bytes, sizeof bytes, MSG_DONTWAIT) >= (ssize_t)sizeof now) {
			int64_t then;
			memcpy(&then, bytes, sizeof then);
			trips[back++] = now_ns() - then;
		}
	}
	qsort(trips, (size_t)back, sizeof *trips, by_size);
	printf("{\"sent\":%d,\"back\":%d", sent, back);
	const double shares[] = { 0, 0.5, 0.9, 0.95, 0.99, 1 };
	const char *names[] = { "least", "p50", "p90", "p95", "p99", "most" };
	for (int i = 0; i < 6 && back > 0; i++) printf(",\"%s\":%.4f", names[i], (double)trips[(int)((back - 1) * shares[i])] / 1e6);
	printf("}\n");
	return 0;
}

int main(int count, char **words)
{
	struct sched_param fifo = { .sched_priority = 5 };
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
	sched_setscheduler(0, SCHED_FIFO, &fifo);
	if (count == 4 && !strcmp(words[1], "echo")) echo(words[2], words[3]);
	if (count == 7 && !strcmp(words[1], "trip")) return trip(words[2], words[3], atoi(words[4]), atof(words[5]), (size_t)atoi(words[6]));
	fprintf(stderr, "usage: probe echo ADDRESS PORT | probe trip ADDRESS PORT COUNT INTERVAL-MS BYTES\n");
	return 2;
}
