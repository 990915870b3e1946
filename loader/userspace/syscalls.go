package userspace

import (
	"errors"
	"math"
	"os"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luabpfc/luabpfc/frontend/script"
)

// syscallCalls are the functions of module syscall (ljsyscall's names) that
// scripts of our field use.
func syscallCalls() map[string]operation {
	all := map[string]operation{
		"syscall.sleep":         syscallSleep,
		"syscall.usleep":        syscallUsleep,
		"syscall.nanosleep":     syscallNanosleep,
		"syscall.pause":         syscallPause,
		"syscall.time":          func(*call) ([]lua.LValue, error) { return results(lua.LNumber(time.Now().Unix())) },
		"syscall.gettimeofday":  syscallGettimeofday,
		"syscall.clock_gettime": syscallClock,
		"syscall.kill":          syscallKill,
		"syscall.getcwd":        syscallGetcwd,
		"syscall.gethostname":   syscallHostname,
		"syscall.geterrno":      func(*call) ([]lua.LValue, error) { return results(lua.LNumber(0)) },
	}
	for name, f := range map[string]func() int{"getpid": os.Getpid, "getppid": os.Getppid, "getuid": os.Getuid, "geteuid": os.Geteuid,
		"getgid": os.Getgid, "getegid": os.Getegid, "gettid": gettid, "getpagesize": os.Getpagesize} {
		all["syscall."+name] = func(*call) ([]lua.LValue, error) { return results(lua.LNumber(f())) }
	}
	return all
}

// seconds is a number of seconds as a duration, cut to what there is.
func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s*float64(time.Second), math.MaxInt64/2))
}

// rest is how many whole seconds of a sleep were left.
func rest(until time.Time) lua.LNumber {
	return lua.LNumber(math.Ceil(max(time.Until(until).Seconds(), 0)))
}

// syscallSleep is sleep(seconds), of which parts are allowed. It returns how many
// were left.
func syscallSleep(c *call) ([]lua.LValue, error) {
	s, err := c.number(0)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(seconds(s))
	if err := c.sleep(until); err != nil {
		return nil, err
	}
	return results(rest(until))
}

func syscallUsleep(c *call) ([]lua.LValue, error) {
	us, err := c.number(0)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{lua.LTrue}, c.sleep(time.Now().Add(seconds(us / 1e6)))
}

// syscallNanosleep is nanosleep(seconds) and nanosleep({ seconds, nanoseconds }).
func syscallNanosleep(c *call) ([]lua.LValue, error) {
	var s float64
	if t, ok := c.arg(0).(*lua.LTable); ok {
		s = member(t, 1, "sec", "tv_sec") + member(t, 2, "nsec", "tv_nsec")/1e9
	} else {
		var err error
		if s, err = c.number(0); err != nil {
			return nil, err
		}
	}
	until := time.Now().Add(seconds(s))
	if err := c.sleep(until); err != nil {
		return nil, err
	}
	if left := time.Until(until); left > 0 {
		return failed(syscall.EINTR)
	}
	return results(lua.LTrue)
}

// member is a number in a table, by its place or one of its names.
func member(t *lua.LTable, i int, names ...string) float64 {
	v := t.RawGetInt(i)
	for _, n := range names {
		if v == lua.LNil {
			v = t.RawGetString(n)
		}
	}
	f, _ := script.Number(v)
	return f
}

// syscallPause waits for an interrupt.
func syscallPause(c *call) ([]lua.LValue, error) {
	return nil, c.sleep(forever())
}

func syscallGettimeofday(c *call) ([]lua.LValue, error) {
	now := time.Now()
	t := c.st.NewTable()
	t.RawSetString("sec", lua.LNumber(now.Unix()))
	t.RawSetString("usec", lua.LNumber(now.Nanosecond()/1000))
	t.RawSetString("time", lua.LNumber(float64(now.UnixNano())/1e9))
	return results(t)
}

// syscallClock is clock_gettime(clock): 'monotonic', the clock of time() in
// programs, or 'realtime'.
func syscallClock(c *call) ([]lua.LValue, error) {
	id := int32(0)
	switch v := c.arg(0).(type) {
	case lua.LString:
		ids := map[string]int32{"realtime": 0, "monotonic": 1, "boottime": 7, "process_cputime_id": 2, "thread_cputime_id": 3}
		n, ok := ids[string(v)]
		if !ok {
			return nil, errors.New("there is no clock '" + string(v) + "': 'realtime', 'monotonic' and 'boottime' are clocks")
		}
		id = n
	case lua.LNumber:
		id = int32(v)
	}
	sec, nsec, err := clock(id)
	if err != nil {
		return failed(err)
	}
	t := c.st.NewTable()
	for i, name := range []string{"sec", "tv_sec"} {
		t.RawSetString(name, lua.LNumber(sec))
		t.RawSetString([]string{"nsec", "tv_nsec"}[i], lua.LNumber(nsec))
	}
	t.RawSetString("time", lua.LNumber(float64(sec)+float64(nsec)/1e9))
	return results(t)
}

func syscallKill(c *call) ([]lua.LValue, error) {
	pid, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	sig, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	if err := kill(int(pid), int(sig)); err != nil {
		return failed(err)
	}
	return results(lua.LTrue)
}

func syscallGetcwd(*call) ([]lua.LValue, error) {
	dir, err := os.Getwd()
	if err != nil {
		return failed(err)
	}
	return results(lua.LString(dir))
}

func syscallHostname(*call) ([]lua.LValue, error) {
	name, err := os.Hostname()
	if err != nil {
		return failed(err)
	}
	return results(lua.LString(name))
}

// errno is the number of a system call's error.
func errno(err error) int {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return int(e)
	}
	return 0
}
