/* A client for load tests. Knows sockets and times; not what it asks.
 *
 *   asking PORT REQUESTS closed CONNECTIONS SECONDS SEED
 *   asking PORT REQUESTS open   CONNECTIONS TIMEOUT SCHEDULE READY
 *   asking PORT REQUESTS fixed  CONNECTIONS TIMEOUT SCHEDULE
 *
 * REQUESTS: whole HTTP/1.1 requests, each after its length as a 32 bit little endian number.
 * closed: every connection sends the next request, picked at random, when it has its answer.
 * open: SCHEDULE has a line "MICROSECONDS REQUEST" per arrival, in order; each is sent at its time
 *   on an idle connection, a new one if there is none, and given up TIMEOUT seconds after its time.
 *   READY connections are opened before the clock starts, as clients keep them between requests.
 * fixed: the same with CONNECTIONS opened before the clock starts and never more; they take turns,
 *   and each carries one request at most. Who finds none free waits in the client and is given up
 *   there TIMEOUT seconds after its time; one that was sent, TIMEOUT seconds after that.
 *
 * Prints "start MICROSECONDS" (CLOCK_MONOTONIC), then a line per request: its number, when it was
 * due, when it was answered (microseconds from the start), the HTTP status; 0 for a connection that
 * failed, 1 for a request that was given up.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FAILED = 0, GIVEN_UP = 1, LONGEST_WAIT = 100000 /* microseconds */ };

typedef struct {
    int fd; /* -1: none */
    int job; /* the arrival that is being answered, -1: idle */
    size_t sent, got, size, need; /* need: bytes of the whole answer, 0 before its head is read */
    int status, closes, blocked; /* blocked: epoll tells when more can be sent */
    char *in;
} Connection;

typedef struct {
    int64_t due, done, expires; /* expires: when it is given up once it was sent */
    int request, status, connection; /* status -1: not answered yet; connection -1: not sent yet */
} Job;

static char **bodies;
static uint32_t *lengths;
static int count;
static Connection *connections;
static int most, *idle, first_idle, idles; /* idle: a ring */
static Job *jobs;
static int jobs_known, jobs_room, oldest, first_unsent, port, epoll;
static int64_t start, patience;
static int fixed;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 - start;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void watch(int index, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)index};
    if (epoll_ctl(epoll, operation, connections[index].fd, &event)) die("epoll_ctl");
}

static void shut(int index) {
    struct linger now_linger = {1, 0}; /* a reset: no port waits for a minute */
    Connection *c = &connections[index];
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now_linger, sizeof now_linger);
    close(c->fd);
    c->fd = -1;
}

static void finish(int index, int status) {
    Connection *c = &connections[index];
    Job *job = &jobs[c->job];
    job->done = now();
    job->status = status;
    c->job = -1;
    if (c->fd >= 0 && (status <= GIVEN_UP || c->closes)) shut(index);
    idle[(first_idle + idles++) % most] = index;
}

static int opened(int index) {
    Connection *c = &connections[index];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        close(c->fd);
        c->fd = -1;
        return 0;
    }
    watch(index, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
    c->blocked = 1;
    return 1;
}

static void push(int index) {
    Connection *c = &connections[index];
    int request = jobs[c->job].request;
    while (c->sent < lengths[request]) {
        ssize_t n = send(c->fd, bodies[request] + c->sent, lengths[request] - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS)) {
            if (!c->blocked) watch(index, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            c->blocked = 1;
            return;
        }
        if (n < 0) return finish(index, FAILED);
        c->sent += (size_t)n;
    }
    if (c->blocked) watch(index, EPOLLIN, EPOLL_CTL_MOD);
    c->blocked = 0;
}

/* The one that was used last, so that few stay open; of a fixed set the one that rested longest. */
static int idle_connection(void) {
    idles--;
    if (!fixed) return idle[(first_idle + idles) % most];
    first_idle = (first_idle + 1) % most;
    return idle[(first_idle + most - 1) % most];
}

static void ask(int job) {
    int index = idle_connection();
    Connection *c = &connections[index];
    c->job = job;
    c->sent = c->got = c->need = 0;
    c->closes = 0;
    jobs[job].connection = index;
    jobs[job].expires = (fixed ? now() : jobs[job].due) + patience;
    if (c->fd < 0 && !opened(index)) return finish(index, FAILED);
    push(index);
}

static void read_head(Connection *c) {
    c->in[c->got] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return;
    c->status = atoi(c->in + 9);
    c->need = (size_t)(end - c->in) + 4;
    for (char *line = strstr(c->in, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, "content-length:", 15)) c->need += strtoul(line + 17, NULL, 10);
        if (!strncasecmp(line + 2, "connection: close", 17)) c->closes = 1;
    }
}

static void pull(int index) {
    Connection *c = &connections[index];
    for (;;) {
        if (c->got + 1 >= c->size) c->in = realloc(c->in, c->size = 2 * c->size + 4096);
        ssize_t n = recv(c->fd, c->in + c->got, c->size - c->got - 1, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            if (c->job >= 0) finish(index, FAILED);
            else shut(index); /* an idle one that the server has closed */
            return;
        }
        if (c->job < 0) continue; /* nothing was asked */
        c->got += (size_t)n;
        if (!c->need) read_head(c);
        if (c->need && c->got >= c->need) return finish(index, c->status);
    }
}

static int add_job(int64_t due, int request) {
    if (jobs_known == jobs_room) jobs = realloc(jobs, sizeof *jobs * (size_t)(jobs_room = 2 * jobs_room + 4096));
    jobs[jobs_known] = (Job){due, 0, 0, request, -1, -1};
    return jobs_known++;
}

/* Waits for what comes, for so many microseconds at most. */
static void turn(int64_t most_time) {
    struct epoll_event events[256];
    struct timespec wait = {most_time / 1000000, most_time % 1000000 * 1000};
    int n = epoll_pwait2(epoll, events, 256, &wait, NULL);
    for (int i = 0; i < n; i++) {
        int index = (int)events[i].data.u32;
        Connection *c = &connections[index];
        if (c->fd >= 0 && c->job >= 0 && (events[i].events & EPOLLOUT)) push(index);
        if (c->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))) pull(index);
    }
}

static void run_closed(double seconds, uint64_t seed) {
    int64_t end = (int64_t)(seconds * 1e6);
    while (now() < end) {
        while (idles) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            ask(add_job(now(), (int)((seed >> 33) % (uint64_t)count)));
        }
        turn(LONGEST_WAIT);
    }
}

static void be_ready(int ready) {
    int64_t open_by = now() + 2000000; /* the server takes them in meanwhile */
    for (int index = 0; index < ready && index < most; index++)
        if (!opened(index)) die("connect");
    while (now() < open_by) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 50);
        for (int i = 0; i < n; i++)
            if (events[i].events & EPOLLOUT) {
                watch((int)events[i].data.u32, EPOLLIN, EPOLL_CTL_MOD);
                connections[events[i].data.u32].blocked = 0;
            }
    }
    start += now();
}

/* Both end at the first that may wait on: arrivals are sent in the order in which they are due. */
static void give_up(int64_t time) {
    for (; first_unsent < jobs_known && jobs[first_unsent].due + patience <= time; first_unsent++)
        jobs[first_unsent].status = GIVEN_UP, jobs[first_unsent].done = time;
    for (; oldest < first_unsent; oldest++) {
        if (jobs[oldest].status >= 0) continue;
        if (jobs[oldest].expires > time) return;
        finish(jobs[oldest].connection, GIVEN_UP);
    }
}

static void run_open(const char *schedule) {
    FILE *file = fopen(schedule, "r");
    long long due;
    int request;
    if (!file) die(schedule);
    while (fscanf(file, "%lld %d", &due, &request) == 2) add_job(due, request);
    fclose(file);
    while (oldest < jobs_known) {
        int64_t time = now(), wait = LONGEST_WAIT;
        give_up(time);
        while (first_unsent < jobs_known && jobs[first_unsent].due <= time && idles) ask(first_unsent++);
        if (first_unsent < jobs_known && jobs[first_unsent].due > time) {
            wait = jobs[first_unsent].due - now();
            if (wait < 0) wait = 0;
            if (wait > LONGEST_WAIT) wait = LONGEST_WAIT;
        }
        turn(wait);
    }
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    uint32_t length;
    if (!file) die(path);
    while (fread(&length, 4, 1, file) == 1) {
        bodies = realloc(bodies, sizeof *bodies * (size_t)(count + 1));
        lengths = realloc(lengths, sizeof *lengths * (size_t)(count + 1));
        bodies[count] = malloc(length);
        if (fread(bodies[count], 1, length, file) != length) die("short file");
        lengths[count++] = length;
    }
    fclose(file);
}

int main(int argc, char **argv) {
    struct rlimit files;
    if (argc != 7 && argc != 8) return 2;
    port = atoi(argv[1]);
    read_requests(argv[2]);
    most = atoi(argv[4]);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    connections = calloc((size_t)most, sizeof *connections);
    idle = calloc((size_t)most, sizeof *idle);
    for (int i = most; i--;) connections[i].fd = connections[i].job = -1, idle[idles++] = i;
    epoll = epoll_create1(0);
    start = now();
    if (!strcmp(argv[3], "closed")) run_closed(atof(argv[5]), strtoull(argv[6], NULL, 10));
    else {
        fixed = !strcmp(argv[3], "fixed");
        patience = (int64_t)(atof(argv[5]) * 1e6);
        be_ready(fixed ? most : argc == 8 ? atoi(argv[7]) : 0);
        run_open(argv[6]);
    }
    printf("start %lld\n", (long long)start);
    for (int i = 0; i < jobs_known; i++)
        if (jobs[i].status >= 0)
            printf("%d %lld %lld %d\n", jobs[i].request, (long long)jobs[i].due, (long long)jobs[i].done, jobs[i].status);
    return 0;
}
