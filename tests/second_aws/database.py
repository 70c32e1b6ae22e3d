"""The MySQL server of the environment, from the variables that `make second-aws` or `.local/env` sets."""

import os

import pymysql


def variable(name):
    """Return the value of a variable."""
    if value := os.environ.get(name):
        return value
    raise LookupError(f"{name} is not set: run `make second-aws`, or `make up` and `. .local/env`")


class Database:
    """The server, as its administrator sees it."""

    def __init__(self):
        self._address = {"host": variable("MYSQL_HOST"), "port": int(variable("MYSQL_PORT"))}
        self._login = {"user": variable("MYSQL_ADMIN_USER"), "password": variable("MYSQL_ADMIN_PASSWORD")}
        # The stack has one authority for all of its servers' certificates.
        self.authority = variable("SITES_CA")
        self.host = f"{self._address['host']}:{self._address['port']}"
        self.administrator = {
            "username": self._login["user"],
            "password": self._login["password"],
            "host": self.host,
        }

    def names_of(self, tenant):
        """The databases and users of a tenant."""
        databases = self._run("SELECT schema_name FROM information_schema.schemata")
        users = self._run("SELECT user FROM mysql.user")
        return {name for (name,) in (*databases, *users) if tenant in name}

    def forget_the_site(self, tenant):
        """Delete the record of a tenant's site."""
        self._run(f"DROP VIEW IF EXISTS tenant_management.site_{tenant}")
        if self._run("SHOW TABLES FROM tenant_management LIKE 'sites'"):
            self._run(f"DELETE FROM tenant_management.sites WHERE database_name = '{tenant}_db'")

    def forget(self, tenant):
        """Drop the tenant's database and user."""
        self.forget_the_site(tenant)
        self._run(f"DROP DATABASE IF EXISTS `{tenant}_db`")
        self._run(f"DROP USER IF EXISTS '{tenant}_user'@'%'")

    def _run(self, statement):
        with (
            pymysql.connect(**self._address, **self._login, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return cursor.fetchall()
