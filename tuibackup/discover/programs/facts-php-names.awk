# Settings of PHP that are no secret, by name.
function known(name) {
  return name ~ /^(memory_limit|upload_max_filesize|post_max_size|max_(execution_time|input_time|input_vars|file_uploads)|date[.]timezone|display_errors|error_reporting|log_errors|disable_(functions|classes)|open_basedir|default_charset|short_open_tag|file_uploads|allow_url_(fopen|include)|realpath_cache_(size|ttl)|expose_php|output_buffering|zlib[.]output_compression|mbstring[.][a-z_]+|opcache[.][a-z_]+|session[.](save_handler|gc_maxlifetime|cookie_(secure|httponly|samesite|lifetime))|(mysqli|pdo_mysql)[.]default_socket|upload_tmp_dir|error_log|include_path|extension|zend_extension)$/
}
