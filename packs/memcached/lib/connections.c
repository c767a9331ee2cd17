/* Loaded into memcached, which has no command to end a connection: knows the
 * user of each, and ends those of a user whose name comes over a socket.
 *
 * memcached calls sasl_server_start and sasl_server_step for a login, and then,
 * in the same thread and before it turns to another connection, sendmsg for the
 * answer. Compiled by bin/build without any header, so what is used of the C
 * library is declared here; the numbers are those of Linux. */

enum { CONNECTIONS = 65536, NAME = 64 };
enum { SASL_OK = 0, SASL_FAIL = -1, SASL_USERNAME = 0, AF_UNIX = 1, SOCK_STREAM = 1, SHUT_RDWR = 2 };
#define RTLD_NEXT ((void *)-1L)
#define SOCKET "/run/memcached/connections"

typedef unsigned long size_t;
typedef long ssize_t;
struct sockaddr_un { unsigned short family; char path[108]; };

void *dlsym(void *library, const char *name);
int pthread_create(void *thread, const void *attributes, void *(*run)(void *), void *argument);
int pthread_key_create(unsigned *key, void (*destroy)(void *));
void *pthread_getspecific(unsigned key);
int pthread_setspecific(unsigned key, const void *value);
int pthread_mutex_lock(void *mutex);
int pthread_mutex_unlock(void *mutex);
int sasl_getprop(void *login, int property, const void **value);
int socket(int family, int type, int protocol);
int bind(int fd, const void *address, unsigned size);
int listen(int fd, int backlog);
int accept(int fd, void *address, void *size);
int shutdown(int fd, int how);
ssize_t read(int fd, void *bytes, size_t size);
ssize_t write(int fd, const void *bytes, size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);
int strcmp(const char *a, const char *b);
size_t strcspn(const char *text, const char *reject);
void *memcpy(void *to, const void *from, size_t size);
int usleep(unsigned microseconds);
void perror(const char *text);
void _exit(int status);

/* A login whose answer is not sent yet. */
struct login {
    unsigned ended; /* how often connections were ended when it began */
    char user[NAME];
};

static int (*real_start)(void *, const char *, const char *, unsigned, const char **, unsigned *);
static int (*real_step)(void *, const char *, unsigned, const char **, unsigned *);
static ssize_t (*real_sendmsg)(int, const void *, int);
static int (*real_close)(int);

static unsigned answering;      /* of a thread: its struct login */
static long mutex[16];          /* guards what follows; zero is an unlocked one */
static char (*users)[NAME];     /* by the number of the connection */
static volatile unsigned ended;

/* note keeps the user of a login that has succeeded; it fails when that cannot be. */
static int note(void *sasl, unsigned begun) {
    const void *name = 0;
    struct login *login = calloc(1, sizeof *login);
    size_t length;
    if (!login || sasl_getprop(sasl, SASL_USERNAME, &name) != SASL_OK || !name) {
        free(login);
        return SASL_FAIL;
    }
    length = strcspn(name, "@"); /* behind it the realm */
    memcpy(login->user, name, length < NAME ? length : NAME - 1);
    login->ended = begun;
    free(pthread_getspecific(answering));
    pthread_setspecific(answering, login);
    return SASL_OK;
}

int sasl_server_start(void *sasl, const char *mechanism, const char *in, unsigned in_size, const char **out, unsigned *out_size) {
    unsigned begun = ended;
    int result = real_start(sasl, mechanism, in, in_size, out, out_size);
    return result == SASL_OK ? note(sasl, begun) : result;
}

int sasl_server_step(void *sasl, const char *in, unsigned in_size, const char **out, unsigned *out_size) {
    unsigned begun = ended;
    int result = real_step(sasl, in, in_size, out, out_size);
    return result == SASL_OK ? note(sasl, begun) : result;
}

ssize_t sendmsg(int fd, const void *message, int flags) {
    struct login *login = pthread_getspecific(answering);
    if (login) {
        pthread_mutex_lock(mutex);
        if (fd < CONNECTIONS)
            memcpy(users[fd], login->user, NAME);
        /* It may be the user who was just removed, and will log in again if not. */
        if (fd >= CONNECTIONS || login->ended != ended)
            shutdown(fd, SHUT_RDWR);
        pthread_mutex_unlock(mutex);
        pthread_setspecific(answering, 0);
        free(login);
    }
    return real_sendmsg(fd, message, flags);
}

int close(int fd) {
    if (fd >= 0 && fd < CONNECTIONS && users && users[fd][0]) {
        pthread_mutex_lock(mutex);
        users[fd][0] = 0;
        pthread_mutex_unlock(mutex);
    }
    return real_close ? real_close(fd) : ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
}

static void end_connections(const char *user) {
    int fd;
    pthread_mutex_lock(mutex);
    ended++;
    for (fd = 0; fd < CONNECTIONS; fd++)
        if (strcmp(users[fd], user) == 0)
            shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(mutex);
}

/* serve reads a name and answers "ok" when its connections have ended. */
static void *serve(void *listener) {
    for (;;) {
        char user[NAME] = {0};
        int caller = accept((int)(long)listener, 0, 0);
        if (caller < 0) {
            usleep(10000); /* until there is a free number again */
            continue;
        }
        if (read(caller, user, NAME - 1) > 0 && user[0]) {
            end_connections(user);
            write(caller, "ok", 2);
        }
        close(caller);
    }
    return 0;
}

static void __attribute__((constructor)) load(void) {
    struct sockaddr_un address = {AF_UNIX, SOCKET};
    long listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unsigned long thread;
    real_start = dlsym(RTLD_NEXT, "sasl_server_start");
    real_step = dlsym(RTLD_NEXT, "sasl_server_step");
    real_sendmsg = dlsym(RTLD_NEXT, "sendmsg");
    real_close = dlsym(RTLD_NEXT, "close");
    users = calloc(CONNECTIONS, NAME);
    if (!real_start || !real_step || !real_sendmsg || !real_close || !users || pthread_key_create(&answering, free) ||
        bind(listener, &address, sizeof address) || listen(listener, 8) || pthread_create(&thread, 0, serve, (void *)listener)) {
        perror("memcached: " SOCKET);
        _exit(1);
    }
}
