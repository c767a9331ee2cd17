// nonetlink keeps a browser from hearing that the machine's network has changed, which it does with every
// container: a browser that hears it gives up the requests that it has just begun.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
	if (domain == AF_NETLINK) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	int (*original)(int, int, int) = dlsym(RTLD_NEXT, "socket");
	return original(domain, type, protocol);
}
